// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import WeirHTTP

@Suite("Forwarded requests")
struct RequestForwardTests {
    static let added =
        "X-Forwarded-Proto: http\r\nX-Forwarded-Host: h\r\nX-Forwarded-Port: 80\r\n" + end()

    /// What every head ends with.
    static func end(
        forwarded: String = "for=unknown;host=\"h\";proto=http",
        via: String = "1.1"
    ) -> String {
        "Forwarded: \(forwarded)\r\nX-Request-Start: t=0\r\nVia: \(via) weir\r\n\r\n"
    }

    @Test("keep every other field byte for byte and in order (RFC 9110 §5.3)")
    func keepFields() {
        let kept =
            "GET /a?b HTTP/1.1\r\nHost: h\r\nB:  two  \r\nb:\r\nA: \u{E9}\t!\r\nCookie: c\r\n"
        #expect(forwarded(TestBytes(kept + "\r\n")) == kept + Self.added)
    }

    @Test(
        "drop what concerns this connection only (RFC 9110 §7.6.1)",
        arguments: [
            "Connection: close", "Connection:", "Keep-Alive: timeout=5", "Proxy-Connection: close",
            "TE: trailers", "Trailer: x", "Upgrade: h2c", "Proxy: http://evil", "A_b: c", "_: c",
            "Expect: 100-continue", "X-Forwarded-For: 1.2.3.4", "X-Forwarded-Proto: https",
            "X-Forwarded-Host: evil", "X-Forwarded-Port: 1", "X-Forwarded-Prefix: /a",
            "Forwarded: for=1.2.3.4", "X-Forwarded-: a",
            "X-Forwarded-B: c", "X-Forwarded-Protocol: ssl", "CONNECTION: x", "x-FORWARDED-ssl: on",
            "Connection: x, Named\r\nnamed: y", "NAMED: y\r\nConnection: named",
            "Close: x", "Close: x\r\nConnection: close", "Connection: q, close\r\nclose: x",
        ]
    )
    func dropFields(lines: String) {
        let text = "GET / HTTP/1.1\r\nA: b\r\n\(lines)\r\nHost: h\r\nC: d\r\n\(lines)\r\n\r\n"
        let kept = "GET / HTTP/1.1\r\nA: b\r\nHost: h\r\nC: d\r\n"
        #expect(forwarded(TestBytes(text)) == kept + Self.added)
    }

    @Test(
        "keep what only looks like it",
        arguments: [
            "Connections: x", "Connectiom: x", "Keep-Alives: x", "Trailers: x", "TEA: x", "T: x",
            "Proxies: x", "Proxy-Authorization: x", "Upgrade-Insecure-Requests: 1", "Hosts: x",
            "X-Forwarded: x", "X-Forwarde-For: x", "X-Forwarder: x", "Content-Lengths: x",
            "Content-Lenght: x", "Transfer-Encodings: x", "Transfer-Encodin: x",
            "Transfer.Encoding: x", "Expects: x", "Date: x", "Via: 1.1 a", "Forwardes: x",
        ]
    )
    func keepLookalikes(line: String) {
        let kept = "GET / HTTP/1.1\r\nHost: h\r\n\(line)\r\n"
        #expect(forwarded(TestBytes(kept + "\r\n")) == kept + Self.added)
    }

    @Test(
        "cannot be robbed of a field by naming it in Connection",
        arguments: [
            "Host", "Cookie", "Authorization", "Via", "X-Request-ID", "Traceparent", "Content-Type",
            "Content-Encoding", "Cache-Control", "Tracestate", "Date",
        ]
    )
    func protectFields(name: String) {
        let kept = name == "Host" ? "" : "\(name): v\r\n"
        let text = "GET / HTTP/1.1\r\nHost: h\r\n\(kept)Connection: close, \(name)\r\n\r\n"
        #expect(
            forwarded(TestBytes(text)) == "GET / HTTP/1.1\r\nHost: h\r\n\(kept)" + Self.added
        )
    }

    @Test("cannot lose their framing or forwarding through Connection")
    func protectFraming() {
        let text: TestBytes = """
            POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nX-Forwarded-For: 1.1.1.1\r
            X-Forwarded-Proto: https\r\nForwarded: for=x\r
            Connection: content-length, x-forwarded-for, x-forwarded-proto, forwarded\r\n\r\n
            """
        #expect(
            forwarded(text, trust: .trusted, address: "10.0.0.1") == """
                POST / HTTP/1.1\r\nHost: h\r\nX-Forwarded-Proto: https\r
                Content-Length: 5\r\nX-Forwarded-For: 1.1.1.1, 10.0.0.1\r
                X-Forwarded-Host: h\r\nX-Forwarded-Port: 443\r\n
                """ + Self.end(forwarded: "for=x, for=10.0.0.1;host=\"h\";proto=http")
        )
    }

    @Test(
        "carry framing that is written anew (RFC 9112 §6)",
        arguments: [
            ("GET", "", MessageFraming.none, ""),
            ("GET", "Content-Length: 0\r\n", .none, "Content-Length: 0\r\n"),
            ("POST", "", .none, "Content-Length: 0\r\n"),
            ("PUT", "", .none, "Content-Length: 0\r\n"),
            ("PATCH", "", .none, "Content-Length: 0\r\n"),
            ("DELETE", "", .none, ""),
            ("POST", "Content-Length: 007\r\n", .counted(7), "Content-Length: 7\r\n"),
            (
                "POST", "Content-Length: 7\r\nContent-Length: 7, 7\r\n", .counted(7),
                "Content-Length: 7\r\n"
            ),
            (
                "GET", "content-LENGTH:12\r\n", .counted(12), "Content-Length: 12\r\n"
            ),
            (
                "POST", "Transfer-Encoding: CHUNKED\r\n", .chunked,
                "Transfer-Encoding: chunked\r\n"
            ),
            (
                "POST", "Transfer-Encoding: chunked\r\n", .counted(123_456_789_012),
                "Content-Length: 123456789012\r\n"
            ),
        ]
    )
    func rebuildFraming(method: String, field: String, framing: MessageFraming, written: String) {
        let text = TestBytes("\(method) / HTTP/1.1\r\nHost: h\r\n\(field)A: b\r\n\r\n")
        #expect(
            forwarded(text, framing: framing)
                == "\(method) / HTTP/1.1\r\nHost: h\r\nA: b\r\n\(written)" + Self.added
        )
    }

    @Test(
        "are ended later where the framing is not known yet",
        arguments: [
            (.counted(17), "Content-Length: 17\r\n"), (.counted(0), "Content-Length: 0\r\n"),
            (.chunked, "Transfer-Encoding: chunked\r\n"),
        ] as [(MessageFraming, String)]
    )
    func leaveFramingOpen(framing: MessageFraming, written end: String) {
        let start = "POST / HTTP/1.1\r\nHost: h\r\n"
        let text = TestBytes(start + "Transfer-Encoding: chunked\r\nContent-Type: a/b\r\n\r\n")
        var head = RequestHead(limits: .test)
        guard case .complete(let length) = text.withSpan({ head.parse($0) }) else {
            Issue.record("the head is complete")
            return
        }
        let context = ForwardingContext(
            trust: .untrusted,
            clientAddress: AddressText(""),
            framing: nil,
            identity: .kept,
            startMicroseconds: 0
        )
        let output = written(capacity: length + head.forwardedOverheadBytes) { output in
            text.withSpan { head.writeForwarded(from: $0, into: &output, context: context) }
            RequestHead.writeEnd(of: framing, into: &output)
        }
        #expect(
            output == start + "Content-Type: a/b\r\n" + Self.added.dropLast() + end + "\r\n"
        )
    }

    @Test("announce no trailers, for none follow (RFC 9110 §6.6.2)")
    func dropTrailer() {
        let kept = "POST / HTTP/1.1\r\nHost: h\r\n"
        let text = TestBytes(kept + "Trailer: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        let chunked = forwarded(text, framing: .chunked)
        #expect(chunked == kept + "Transfer-Encoding: chunked\r\n" + Self.added)
    }

    @Test("pass the expectation on when told to (RFC 9110 §10.1.1)")
    func passExpectation() {
        let text: TestBytes =
            "PUT / HTTP/1.1\r\nExpect: 100-Continue\r\nHost: h\r\nContent-Length: 1\r\n\r\n"
        let start = "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n"
        #expect(forwarded(text) == start + Self.added)
        #expect(
            forwarded(text, expectation: .forward)
                == start + "Expect: 100-continue\r\n" + Self.added
        )
    }

    @Test(
        "ask in origin-form, HTTP/1.1, with a Host (RFC 9112 §3.2)",
        arguments: [
            ("GET /a HTTP/1.0\r\n", "GET /a HTTP/1.1\r\nHost:\r\n", ""),
            ("\r\nGET /a HTTP/1.0\r\nHost: b\r\n", "GET /a HTTP/1.1\r\nHost: b\r\n", "b"),
            (
                "GET http://a:1/b?c HTTP/1.1\r\nHost: x\r\n", "GET /b?c HTTP/1.1\r\nHost: a:1\r\n",
                "a:1"
            ),
            ("GET http://a?c HTTP/1.1\r\nHost: x\r\n", "GET /?c HTTP/1.1\r\nHost: a\r\n", "a"),
            ("GET HTTPS://a HTTP/1.0\r\n", "GET / HTTP/1.1\r\nHost: a\r\n", "a"),
            ("OPTIONS http://a HTTP/1.1\r\nHost: x\r\n", "OPTIONS * HTTP/1.1\r\nHost: a\r\n", "a"),
            ("OPTIONS http://a/ HTTP/1.1\r\nHost: x\r\n", "OPTIONS / HTTP/1.1\r\nHost: a\r\n", "a"),
            ("OPTIONS * HTTP/1.1\r\nHost: x\r\n", "OPTIONS * HTTP/1.1\r\nHost: x\r\n", "x"),
        ]
    )
    func rewriteTarget(text: String, start: String, host: String) {
        let forwardedHost = host.isEmpty ? "" : "X-Forwarded-Host: \(host)\r\n"
        let parameter = host.isEmpty ? "" : ";host=\"\(host)\""
        let end = Self.end(
            forwarded: "for=unknown\(parameter);proto=http",
            via: text.contains("HTTP/1.0") ? "1.0" : "1.1"
        )
        let port = host.hasSuffix(":1") ? "1" : "80"
        let added =
            "X-Forwarded-Proto: http\r\n\(forwardedHost)X-Forwarded-Port: \(port)\r\n\(end)"
        #expect(forwarded(TestBytes(text + "\r\n")) == start + added)
        #expect(forwarded(TestBytes(text + "A: b\r\n\r\n")) == start + "A: b\r\n" + added)
    }

    static let claims = """
        X-Forwarded-For: 1.1.1.1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-For:\r
        x-forwarded-for: 2.2.2.2, 3.3.3.3\r\nX-Forwarded-Host: a\r\nX-Forwarded-Port: 1\r
        X-Forwarded-Proto: http\r\nX-Forwarded-Prefix: /p\r\n
        """

    @Test("tell nothing an untrusted client says of itself")
    func replaceClaims() {
        let text = TestBytes("GET / HTTP/1.1\r\nHost: h\r\n\(Self.claims)\r\n")
        #expect(
            forwarded(text, address: "2001:db8::1") == """
                GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 2001:db8::1\r
                X-Forwarded-Proto: http\r\nX-Forwarded-Host: h\r\nX-Forwarded-Port: 80\r\n
                """ + Self.end(forwarded: "for=\"[2001:db8::1]\";host=\"h\";proto=http")
        )
    }

    @Test("tell what a trusted peer says, the first word counting")
    func keepClaims() {
        let text = TestBytes("GET / HTTP/1.1\r\nHost: h\r\n\(Self.claims)\r\n")
        let start = """
            GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: a\r
            X-Forwarded-Port: 1\r\nX-Forwarded-Prefix: /p\r
            X-Forwarded-For: 1.1.1.1, 2.2.2.2, 3.3.3.3
            """
        #expect(
            forwarded(text, trust: .trusted, address: "9.9.9.9")
                == start + ", 9.9.9.9\r\n"
                + Self.end(forwarded: "for=9.9.9.9;host=\"a\";proto=https")
        )
        #expect(
            forwarded(text, trust: .trusted)
                == start + "\r\n" + Self.end(forwarded: "for=unknown;host=\"a\";proto=https")
        )
    }

    @Test("add nothing to what a trusted peer has left empty")
    func keepEmptyClaims() {
        let text: TestBytes = "GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: \r\n\r\n"
        #expect(forwarded(text, trust: .trusted) == "GET / HTTP/1.1\r\nHost: h\r\n" + Self.added)
    }

    @Test("never outgrow the room that is promised for them")
    func fitTheirRoom() {
        let host = String(repeating: "h", count: 255) + ":65535"
        let text = TestBytes("OPTIONS http://\(host) HTTP/1.0\r\nMax-Forwards:9\r\n\r\n")
        var head = RequestHead(limits: .test)
        #expect(text.withSpan { head.parse($0) } == .complete(length: text.count))
        let context = ForwardingContext(
            trust: .untrusted,
            clientAddress: AddressText(String(repeating: ":", count: 45)),
            framing: .counted(.max),
            expectation: .forward,
            offer: .withhold,
            identity: .made(RequestID(high: .max, low: .max)),
            startMicroseconds: .max
        )
        let room = text.count + head.forwardedOverheadBytes
        let output = written(capacity: room) { output in
            text.withSpan { head.writeForwarded(from: $0, into: &output, context: context) }
        }
        #expect(output.utf8.count <= room)
        #expect(output.hasSuffix("Via: 1.0 weir\r\n\r\n"))
    }

    @Test("take the host that a trusted peer names into their room")
    func fitNamedHost() {
        let name = String(repeating: "n", count: 255)
        let text = TestBytes("GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-Host:\(name)\r\n\r\n")
        let output = forwarded(text, trust: .trusted, address: "::1")
        #expect(output?.contains(";host=\"\(name)\";proto=http\r\n") == true)
    }

    @Test(
        "name the port that the client has used, not that of a socket",
        arguments: [
            ("Host: a", "80"), ("Host: a:8080", "8080"), ("Host: [::1]", "80"),
            ("Host: [::1]:81", "81"), ("Host: 1.2.3.4", "80"), ("Host: a:", "80"),
            ("Host: a:1\r\nX-Forwarded-Host: b:2", "2"),
            ("Host: a\r\nX-Forwarded-Proto: https", "443"),
            ("Host: a\r\nX-Forwarded-Host: b\r\nX-Forwarded-Proto: https", "443"),
            ("Host: a\r\nX-Forwarded-Port: 9", "9"), ("Host: a\r\nX-Forwarded-Ssl: on", "443"),
        ]
    )
    func namePort(fields: String, port: String) {
        let text = TestBytes("GET / HTTP/1.1\r\n\(fields)\r\n\r\n")
        let output = forwarded(text, trust: .trusted) ?? ""
        let lines = output.split(separator: "\r\n").filter { $0.hasPrefix("X-Forwarded-Port") }
        #expect(lines == ["X-Forwarded-Port: \(port)"])
    }

    @Test(
        "say the protocol as a trusted peer does, whichever word it has for it",
        arguments: [
            ("X-Forwarded-Ssl: on", "https"), ("X-Forwarded-Ssl: off", "http"),
            ("X-Forwarded-Protocol: ssl", "https"), ("X-Forwarded-Protocol: http", "http"),
        ]
    )
    func sayProtocol(word: String, proto: String) {
        let text = TestBytes("GET / HTTP/1.1\r\nHost: h\r\n\(word)\r\n\r\n")
        let trusted = forwarded(text, trust: .trusted) ?? ""
        #expect(trusted.contains("\r\n\(word)\r\n"))
        #expect(trusted.contains("\r\nX-Forwarded-Proto: \(proto)\r\n"))
        #expect(trusted.contains(";proto=\(proto)\r\n"))
        #expect(forwarded(text) == "GET / HTTP/1.1\r\nHost: h\r\n" + Self.added)
    }

    @Test("do not take what is no host or no protocol into Forwarded (RFC 7239 §4)")
    func distrustWords() {
        let text: TestBytes = """
            GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-Host: a"b\r\nX-Forwarded-Proto: x;y\r\n\r\n
            """
        let output = forwarded(text, trust: .trusted)
        #expect(output?.contains("Forwarded: for=unknown;host=\"h\";proto=http\r\n") == true)
    }

    @Test("carry the id of a trusted peer once, or a new one in its place")
    func carryIdentity() {
        let text: TestBytes = """
            GET / HTTP/1.1\r\nx-request-id: one\r\nHost: h\r\nX-Request-ID: two\r\n\r\n
            """
        let kept = "GET / HTTP/1.1\r\nx-request-id: one\r\nHost: h\r\n" + Self.added
        #expect(forwarded(text, trust: .trusted) == kept)
        let id = RequestID(high: 0x0123_4567_89AB_CDEF, low: 7)
        let made = forwarded(text, identity: .made(id))
        #expect(made?.contains("one") == false)
        #expect(made?.contains("two") == false)
        let line = "\r\nX-Request-ID: 0123456789abcdef0000000000000007\r\n"
        #expect(made?.contains(line) == true)
    }

    @Test("say when the request came, whatever the client says")
    func carryStart() {
        let text: TestBytes = "GET / HTTP/1.1\r\nHost: h\r\nX-Request-Start: t=1\r\n\r\n"
        let output = forwarded(text, trust: .trusted, startMicroseconds: 1_795_000_000_000_042)
        #expect(output?.contains("t=1\r\n") == false)
        #expect(output?.contains("\r\nX-Request-Start: t=1795000000000042\r\n") == true)
    }

    @Test(
        "offer the protocols that the client does, but for HTTP/2 (RFC 9110 §7.8)",
        arguments: [
            ("websocket", "websocket"), ("h2c, websocket", "websocket"), ("A/1,b , c", "A/1, b, c"),
            ("a\r\nUpgrade: b", "a, b"), ("a, b, c, d, e", "a, b, c, d"),
        ]
    )
    func passOffer(offered: String, passed: String) {
        let text = "GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: \(offered)\r\n\r\n"
        #expect(
            forwarded(TestBytes(text), offer: .forward)
                == "GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: \(passed)\r\n"
                + Self.added
        )
    }

    @Test("count down Max-Forwards of TRACE and OPTIONS alone (RFC 9110 §7.6.2)")
    func countDown() {
        let fields = "Host: h\r\nMax-Forwards: 010\r\n"
        let start = " / HTTP/1.1\r\nHost: h\r\nMax-Forwards: "
        for method in ["TRACE", "OPTIONS"] {
            #expect(
                forwarded(TestBytes("\(method) / HTTP/1.1\r\n\(fields)\r\n"))
                    == method + start + "9\r\n" + Self.added
            )
        }
        #expect(
            forwarded(TestBytes("GET / HTTP/1.1\r\n\(fields)\r\n"))
                == "GET" + start + "010\r\n" + Self.added
        )
    }

    @Test("are HTTP/1.1 for a client of a higher minor version (RFC 9110 §2.5)")
    func lowerVersion() {
        #expect(
            forwarded("GET /a HTTP/1.9\r\nHost: h\r\n\r\n")
                == "GET /a HTTP/1.1\r\nHost: h\r\n" + Self.added
        )
    }
}
