// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import WeirHTTP

@Suite("Status codes (RFC 9110 §15)")
struct StatusCodeTests {
    @Test(
        "have their registered phrase",
        arguments: [
            (UInt16(100), "Continue"), (200, "OK"), (204, "No Content"), (304, "Not Modified"),
            (413, "Content Too Large"), (422, "Unprocessable Content"), (418, "Unknown"),
            (429, "Too Many Requests"), (431, "Request Header Fields Too Large"),
            (505, "HTTP Version Not Supported"), (511, "Network Authentication Required"),
            (0, "Unknown"), (199, "Unknown"), (299, "Unknown"), (399, "Unknown"), (599, "Unknown"),
            (600, "Unknown"),
        ]
    )
    func havePhrase(status: UInt16, phrase: String) {
        #expect(StatusCode.reasonPhrase(status).description == phrase)
    }
}
