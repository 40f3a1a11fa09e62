// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import WeirHTTP

@Suite("Request head")
struct RequestHeadTests {
    @Test("reads a small request")
    func readsSmallRequest() {
        let head = RequestSnapshot("GET /a?b=c HTTP/1.1\r\nHost: example.org\r\n\r\nrest")
        #expect(head.progress == .complete(length: 42))
        #expect(head.method == .get)
        #expect(head.version == .http11)
        #expect(head.target == "/a?b=c")
        #expect(head.host == "example.org")
        #expect(head.framing == MessageFraming.none)
        #expect(head.persistence == .keepAlive)
        #expect(!head.expectsContinue)
        #expect(!head.offersProtocols)
        #expect(!head.acceptsProblems)
    }

    @Test(
        "has digits only in its port, whatever byte stands there",
        arguments: 0...255 as ClosedRange<UInt8>
    )
    func readsDigitsOnly(byte: UInt8) {
        for place in 27..<32 {
            var text: TestBytes = "GET / HTTP/1.1\r\nHost: host:12345\r\n\r\n"
            text.bytes[place] = byte
            let isDigit = 0x30...0x39 ~= byte
            let isSmall = place > 27 || byte <= 0x36
            // White space at the end is none of the value's.
            let isBlank = place == 31 && (byte == 0x20 || byte == 0x09)
            let isTaken = isDigit && isSmall || isBlank
            #expect((RequestSnapshot(text).progress == .complete(length: 36)) == isTaken)
        }
    }

    @Test("has a port of at most 65,535", arguments: ["65535", "65536", "65540", "66000", "70000"])
    func boundsPort(port: String) {
        let text = TestBytes("GET / HTTP/1.1\r\nHost: host:\(port)\r\n\r\n")
        let isTaken = port == "65535"
        #expect((RequestSnapshot(text).progress == .complete(length: text.count)) == isTaken)
    }

    @Test("knows the registered methods, by their case (RFC 9110 §9.1)", arguments: Method.allCases)
    func knowsMethods(method: Method) {
        guard method != .connect else { return }
        let form = method == .other ? "BREW" : method.name
        #expect(RequestSnapshot(TestBytes("\(form) / HTTP/1.0\r\n\r\n")).method == method)
        let lower = form.lowercased()
        #expect(RequestSnapshot(TestBytes("\(lower) / HTTP/1.0\r\n\r\n")).method == .other)
    }

    @Test("passes over a few empty lines in front (RFC 9112 §2.2)", arguments: 0...5)
    func passesOverEmptyLines(count: Int) {
        let lines = String(repeating: "\r\n", count: count)
        let head = RequestSnapshot(TestBytes(lines + "GET / HTTP/1.0\r\n\r\n"))
        #expect(
            head.progress
                == (count <= 4 ? .complete(length: 18 + 2 * count) : .refused(.malformedMethod))
        )
    }

    @Test(
        "reads the forms of a target (RFC 9112 §3.2)",
        arguments: [
            ("GET / HTTP/1.1", "/", "h"),
            ("GET //a/../%zz?\"<>\\^`{|} HTTP/1.1", "//a/../%zz?\"<>\\^`{|}", "h"),
            ("GET http://a.b:81/c HTTP/1.1", "http://a.b:81/c", "a.b:81"),
            ("GET HTTPS://[::1]:8443?q HTTP/1.1", "HTTPS://[::1]:8443?q", "[::1]:8443"),
            ("OPTIONS * HTTP/1.1", "*", "h"),
            ("OPTIONS http://a HTTP/1.1", "http://a", "a"),
        ]
    )
    func readsTargets(line: String, target: String, host: String) {
        let head = RequestSnapshot(TestBytes(line + "\r\nHost: h\r\n\r\n"))
        #expect(head.target == target)
        #expect(head.host == host)
    }

    @Test(
        "keeps or closes as the client asks (RFC 9112 §9.3)",
        arguments: [
            ("1.1", "", ConnectionFate.keepAlive),
            ("1.1", "Connection: close\r\n", .close),
            ("1.1", "Connection: CLOSE\r\n", .close),
            ("1.1", "Connection: keep-alive, close\r\n", .close),
            ("1.1", "Connection: keep-alive\r\nConnection: x, ,close\r\n", .close),
            ("1.1", "Connection: closed\r\n", .keepAlive),
            ("1.1", "Connection:\r\n", .keepAlive),
            ("1.0", "", .close),
            ("1.0", "Connection: Keep-Alive\r\n", .keepAlive),
            ("1.0", "Connection: x, keep-alive\r\n", .keepAlive),
            ("1.0", "Connection: keep-alive, close\r\n", .close),
            ("1.0", "Proxy-Connection: keep-alive\r\n", .close),
        ]
    )
    func decidesFate(version: String, fields: String, fate: ConnectionFate) {
        let head = RequestSnapshot(TestBytes("GET / HTTP/\(version)\r\nHost: h\r\n\(fields)\r\n"))
        #expect(head.persistence == fate)
    }

    @Test(
        "frames the body (RFC 9112 §6.3)",
        arguments: [
            ("", MessageFraming.none),
            ("Content-Length: 0\r\n", .counted(0)),
            ("content-length:5\r\n", .counted(5)),
            ("Content-Length: 5, 5\r\n", .counted(5)),
            ("Content-Length: 5 ,\t5,5\r\ncontent-length: 5\r\n", .counted(5)),
            ("Content-Length: 5\r\nContent-Length: 5\r\n", .counted(5)),
            ("Content-Length: 00000000000000000000000007 \r\n", .counted(7)),
            ("Content-Length: 9223372036854775807\r\n", .counted(9_223_372_036_854_775_807)),
            ("Transfer-Encoding: chunked\r\n", .chunked),
            ("TRANSFER-ENCODING:\t CHUNKED \t\r\n", .chunked),
        ]
    )
    func framesBody(fields: String, framing: MessageFraming) {
        for method in ["GET", "HEAD", "DELETE", "POST"] {
            let text = "\(method) / HTTP/1.1\r\nHost: h\r\n\(fields)\r\n"
            #expect(RequestSnapshot(TestBytes(text)).framing == framing)
        }
    }

    @Test(
        "hears an expectation only where it means something (RFC 9110 §10.1.1)",
        arguments: [
            ("1.1", "Content-Length: 5\r\nExpect: 100-Continue\r\n", true),
            ("1.1", "Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n", true),
            ("1.1", "Expect: 100-continue\r\n", false),
            ("1.1", "Content-Length: 0\r\nExpect: 100-continue\r\n", false),
            ("1.0", "Content-Length: 5\r\nExpect: 100-continue\r\n", false),
            ("1.0", "Content-Length: 5\r\nExpect: whatever\r\n", false),
        ]
    )
    func hearsExpectation(version: String, fields: String, expects: Bool) {
        let text = "POST / HTTP/\(version)\r\nHost: h\r\n\(fields)\r\n"
        #expect(RequestSnapshot(TestBytes(text)).expectsContinue == expects)
    }

    @Test(
        "hears an upgrade only if it is a connection option too (RFC 9110 §7.8)",
        arguments: [
            ("1.1", "Upgrade: websocket\r\nConnection: Upgrade\r\n", true),
            ("1.1", "Connection: keep-alive, upgrade\r\nUpgrade: websocket\r\n", true),
            ("1.1", "Upgrade: websocket\r\n", false),
            ("1.1", "Connection: upgrade\r\n", false),
            ("1.0", "Upgrade: websocket\r\nConnection: Upgrade\r\n", false),
            ("1.1", "Upgrade: h2c\r\nConnection: Upgrade\r\n", false),
            ("1.1", "Upgrade: h2c, a/1\r\nConnection: Upgrade\r\n", true),
            ("1.1", "Upgrade: a b, /, /a, a/, a/b/c\r\nConnection: Upgrade\r\n", false),
            ("1.1", "Upgrade: x\r\nConnection: Upgrade\r\nContent-Length: 0\r\n", true),
            ("1.1", "Upgrade: x\r\nConnection: Upgrade\r\nContent-Length: 1\r\n", false),
        ]
    )
    func hearsUpgrade(version: String, fields: String, requested: Bool) {
        let text = "GET / HTTP/\(version)\r\nHost: h\r\n\(fields)\r\n"
        #expect(RequestSnapshot(TestBytes(text)).offersProtocols == requested)
    }

    @Test("allows obs-text and tabs in values (RFC 9110 §5.5)")
    func allowsObsText() {
        let value = TestBytes([0x80, 0xFF, 0x09, 0x7E])
        let text = "GET / HTTP/1.0\r\nA: \t" + value + "\r\n\r\n"
        #expect(RequestSnapshot(text).progress == .complete(length: text.count))
    }

    @Test("forgets one message before it reads the next")
    func forgets() {
        var head = RequestHead(limits: .test)
        let first: TestBytes = """
            POST http://a/ HTTP/1.0\r\nHost: a\r\nHost2: b\r\nConnection: close, x\r
            Content-Length: 7\r\nExpect: 100-continue\r\nUpgrade: x\r\n\r\n
            """
        #expect(RequestSnapshot(first, &head).framing == .counted(7))
        let second: TestBytes = "GET / HTTP/1.1\r\nHost: h\r\n\r\n"
        #expect(RequestSnapshot(second, &head) == RequestSnapshot(second))
    }
}
