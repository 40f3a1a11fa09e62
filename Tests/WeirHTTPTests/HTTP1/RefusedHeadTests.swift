// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import WeirHTTP

@Suite("Refused head")
struct RefusedHeadTests {
    @Test(
        "still tells how errors are asked for (RFC 9110 §12.5.1)",
        arguments: [
            ("Accept: application/problem+json", ErrorFormat.problem),
            ("ACCEPT:text/html,application/problem+json;q=0.1", .problem),
            ("Accept: application/problem+json;q=0", .text),
            ("Accept: application/problem+json; q=0.000, */*", .text),
            ("Accept: application/problem+jsons", .text),
            ("Accept: application/*, */*", .text),
            ("X-Accept: application/problem+json", .text),
            ("Accept:", .text),
            ("Accept", .text),
        ]
    )
    func tellsFormat(line: String, format: ErrorFormat) {
        let head = TestBytes("GET / HTTP/1.1\nA : b\r\n\(line)\r\n\r\n")
        #expect(head.withSpan { RefusedHead.errorFormat($0) } == format)
        // A whole head says the same.
        let whole = RequestSnapshot(TestBytes("GET / HTTP/1.1\r\nHost: h\r\n\(line)\r\n\r\n"))
        if whole.method == .get, line.contains(":") {
            #expect(whole.acceptsProblems == (format == .problem))
        }
    }

    @Test("still tells its id, if that is one")
    func tellsIdentity() {
        let id = { (line: String) -> String? in
            let head = TestBytes("GET / HTTP/1.1\r\n\(line)\r\n")
            let range = head.withSpan { RefusedHead.requestID($0) }
            return range.map { String(decoding: head.bytes[$0], as: UTF8.self) }
        }
        #expect(id("x-request-ID:  a-1 ") == "a-1")
        #expect(id("X-Request-ID: " + String(repeating: "x", count: 128)) != nil)
        #expect(id("X-Request-ID: " + String(repeating: "x", count: 129)) == nil)
        #expect(id("X-Request-ID: a b") == nil)
        #expect(id("X-Request-ID: <a>") == nil)
        #expect(id("X-Request-ID:") == nil)
        #expect(id("Y: z") == nil)
    }
}
