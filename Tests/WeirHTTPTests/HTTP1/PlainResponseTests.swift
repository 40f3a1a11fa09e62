// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import WeirHTTP

@Suite("Plain response")
struct PlainResponseTests {
    private func response(_ status: UInt16, _ explanation: String = "why") -> PlainResponse {
        PlainResponse(
            status: status,
            reason: "cause",
            explanation: explanation,
            answering: .get,
            fate: .close,
            date: HTTPDate(unixSeconds: 784_111_777),
            requestID: "id-1"
        )
    }

    private func text(_ response: PlainResponse) -> String {
        written(capacity: PlainResponse.bytesMax) { response.write(into: &$0) }
    }

    @Test("is a whole response")
    func isWhole() {
        #expect(
            text(response(400)) == """
                HTTP/1.1 400 Bad Request\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r
                Content-Type: text/plain; charset=utf-8\r\nContent-Length: 21\r
                X-Request-ID: id-1\r\nConnection: close\r\n\r\n400 Bad Request: why\n
                """
        )
    }

    @Test("has no body for HEAD, but its length (RFC 9110 §9.3.2)")
    func hasNoBodyForHead() {
        var response = response(503)
        response.method = .head
        response.fate = .keepAlive
        response.retryAfterSeconds = 30
        #expect(
            text(response) == """
                HTTP/1.1 503 Service Unavailable\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r
                Content-Type: text/plain; charset=utf-8\r\nContent-Length: 29\r
                X-Request-ID: id-1\r\nRetry-After: 30\r\n\r\n
                """
        )
    }

    @Test("names the methods allowed in a 405 (RFC 9110 §15.5.6)")
    func namesMethods() {
        #expect(text(response(405)).contains("\r\nAllow: GET, HEAD, POST, "))
        #expect(!text(response(400)).contains("Allow"))
    }

    @Test("is a problem in JSON for those who ask (RFC 9457 §3)")
    func isProblem() {
        var response = response(504, "it's late")
        response.format = .problem
        #expect(
            text(response) == """
                HTTP/1.1 504 Gateway Timeout\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r
                Content-Type: application/problem+json\r\nContent-Length: 120\r
                X-Request-ID: id-1\r\nConnection: close\r\n\r
                {"type":"about:blank","title":"Gateway Timeout","status":504,\
                "detail":"it's late","reason":"cause","request_id":"id-1"}

                """
        )
    }

    @Test("needs no escape in JSON for any refusal", arguments: HeadError.allCases)
    func needsNoEscape(error: HeadError) {
        let plain = error.explanation.unicodeScalars.allSatisfy {
            $0.isASCII && $0.value >= 0x20 && $0 != "\"" && $0 != "\\"
        }
        #expect(plain)
    }

    @Test("tells an HTTP/1.0 client that its connection stays")
    func tellsOldClients() {
        var response = response(404)
        response.fate = .keepAlive
        response.clientVersion = .http10
        #expect(text(response).contains("\r\nConnection: keep-alive\r\n"))
    }

    @Test("fits its room, however long the explanation")
    func fitsRoom() {
        var response = response(431, String(repeating: "x", count: 5000))
        response.retryAfterSeconds = .max
        response.format = .problem
        response.requestID = String(repeating: "i", count: RequestID.keptBytesMax)
        let parts = text(response).split(separator: "\r\n\r\n", maxSplits: 1)
        #expect(parts.count == 2)
        #expect(parts[0].contains("Content-Length: \(parts[1].utf8.count)"))
    }

    @Test("can tell of every refusal", arguments: HeadError.allCases)
    func tellsOfRefusals(error: HeadError) {
        let text = text(response(error.status, error.explanation))
        #expect(text.hasSuffix(": \(error.explanation)\n"))
        #expect(!text.contains("Unknown"))
    }
}
