// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import WeirHTTP

@Suite("Forwarded responses")
struct ResponseForwardTests {
    static let date = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"

    /// The head as it goes to the client; nil when it is not a complete one.
    private func forwarded(
        _ text: TestBytes,
        answering method: Method = .get,
        framing: MessageFraming? = nil,
        fate: ConnectionFate = .keepAlive,
        version: HTTPVersion = .http11
    ) -> String? {
        var head = ResponseHead(limits: .response)
        let progress = text.withSpan { head.parse($0, answering: method) }
        guard case .complete(let length) = progress else { return nil }
        let context = ResponseContext(
            framing: framing ?? head.framing,
            fate: fate,
            clientVersion: version,
            date: HTTPDate(unixSeconds: 784_111_777)
        )
        return written(capacity: length + ResponseHead.forwardedOverheadBytes) { output in
            text.withSpan { head.writeForwarded(from: $0, into: &output, context: context) }
        }
    }

    @Test("keep status, reason phrase and fields byte for byte and in order")
    func keepFields() {
        let kept = """
            HTTP/1.1 299 As \u{E9} \t like  it\r\nSet-Cookie: a=1\r\nServer:  gunicorn \r
            set-cookie: b=2\r\nDate: today\r\nX_y: z\r\nSet-Cookie: c=3\r\n
            """
        let text = TestBytes(kept + "Content-Length: 05\r\n\r\n")
        #expect(forwarded(text) == kept + "Content-Length: 5\r\n\r\n")
    }

    @Test("are HTTP/1.1, whatever upstream speaks (RFC 9110 §6.2)")
    func raiseVersion() {
        let text: TestBytes = "HTTP/1.0 200 \r\nContent-Length: 0\r\n\r\n"
        let expected = "HTTP/1.1 200 \r\nContent-Length: 0\r\n\(Self.date)\r\n"
        #expect(forwarded(text) == expected)
    }

    @Test("get the space that a status line without a reason lacks (RFC 9112 §4)")
    func completeStatusLine() {
        let rest = "Content-Length: 0\r\n\(Self.date)\r\n"
        for version in ["1.0", "1.1"] {
            let text = TestBytes("HTTP/\(version) 200\r\nContent-Length: 0\r\n\r\n")
            #expect(forwarded(text) == "HTTP/1.1 200 \r\n" + rest)
        }
    }

    @Test(
        "drop what concerns this connection only (RFC 9110 §7.6.1)",
        arguments: [
            "Connection: keep-alive", "Keep-Alive: timeout=5", "Proxy-Connection: close",
            "Close: x",
            "TE: trailers", "Upgrade: h2c", "Trailer: x", "Connection: x, Named\r\nnamed: y",
        ]
    )
    func dropFields(lines: String) {
        let text = "HTTP/1.1 200 OK\r\nA: b\r\n\(lines)\r\nC: d\r\nContent-Length: 1\r\n\r\n"
        let kept = "HTTP/1.1 200 OK\r\nA: b\r\nC: d\r\nContent-Length: 1\r\n\(Self.date)\r\n"
        #expect(forwarded(TestBytes(text)) == kept)
    }

    @Test("keep cookies and dates that Connection names, but no Trailer")
    func protectFields() {
        let kept = "HTTP/1.1 200 OK\r\nSet-Cookie: a\r\nDate: b\r\n"
        let text = TestBytes(
            kept
                + "Trailer: c\r\nConnection: set-cookie, date\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        #expect(forwarded(text) == kept + "Transfer-Encoding: chunked\r\n\r\n")
    }

    @Test(
        "carry framing for the client (RFC 9112 §6)",
        arguments: [
            (
                200, Method.get, "Content-Length: 3\r\n", MessageFraming.counted(3),
                "Content-Length: 3\r\n"
            ),
            (200, .get, "Content-Length: 3\r\n", .chunked, "Transfer-Encoding: chunked\r\n"),
            (200, .get, "Transfer-Encoding: chunked\r\n", .counted(9), "Content-Length: 9\r\n"),
            (200, .get, "", .chunked, "Transfer-Encoding: chunked\r\n"),
            (200, .get, "", .untilClose, "Connection: close\r\n"),
            (200, .get, "", .none, "Content-Length: 0\r\n"),
            (200, .head, "Content-Length: 3\r\n", .none, "Content-Length: 3\r\n"),
            (200, .head, "", .none, ""),
            (200, .head, "Transfer-Encoding: chunked\r\n", .none, ""),
            (304, .get, "Content-Length: 3\r\n", .none, "Content-Length: 3\r\n"),
            (304, .get, "", .none, ""),
            (204, .get, "Content-Length: 0\r\n", .none, ""),
            (204, .get, "Content-Length: 3\r\n", .none, ""),
            (204, .get, "", .counted(0), ""),
            (205, .get, "Content-Length: 0\r\n", .counted(0), "Content-Length: 0\r\n"),
        ]
    )
    func rebuildFraming(
        status: Int,
        method: Method,
        fields: String,
        framing: MessageFraming,
        expected: String
    ) {
        let start = "HTTP/1.1 \(status) X\r\n\(Self.date)"
        let text = TestBytes(start + fields + "\r\n")
        let output = forwarded(text, answering: method, framing: framing)
        #expect(output == start + expected + "\r\n")
    }

    @Test(
        "say what becomes of the connection (RFC 9112 §9.3, §9.6)",
        arguments: [
            (ConnectionFate.keepAlive, HTTPVersion.http11, ""),
            (.close, .http11, "Connection: close\r\n"),
            (.keepAlive, .http10, "Connection: keep-alive\r\n"),
            (.close, .http10, "Connection: close\r\n"),
        ]
    )
    func sayFate(fate: ConnectionFate, version: HTTPVersion, field: String) {
        let text: TestBytes = "HTTP/1.1 200 OK\r\nConnection: x\r\nContent-Length: 0\r\n\r\n"
        let expected = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\(field)\(Self.date)\r\n"
        #expect(forwarded(text, fate: fate, version: version) == expected)
    }

    @Test("that are interim get nothing added (RFC 9110 §15.2)")
    func leaveInterimAlone() {
        let text: TestBytes =
            "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nConnection: x\r\nContent-Length: 0\r\n\r\n"
        let expected = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
        #expect(forwarded(text, framing: MessageFraming.none, fate: .close) == expected)
        let bare: TestBytes = "HTTP/1.0 100 Continue\r\n\r\n"
        #expect(forwarded(bare) == "HTTP/1.1 100 Continue\r\n\r\n")
    }

    @Test("never outgrow the room that is promised for them")
    func fitTheirRoom() {
        let text: TestBytes = "HTTP/1.0 200\r\n\r\n"
        let output = forwarded(text, framing: .counted(.max), version: .http10) ?? ""
        #expect(output.utf8.count - text.count <= 100)
        #expect(ResponseHead.forwardedOverheadBytes >= 100)
    }
}
