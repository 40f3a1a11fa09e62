// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import WeirHTTP2

@Suite("Request over HTTP/2") struct RequestComposerTests {
    /// A request's fields, and its head in HTTP/1.1.
    struct Row: Sendable {
        let fields: [String]
        let ending: Ending
        let lines: [String]

        enum Ending: Sendable {
            case withHead, withBody
        }

        init(_ fields: [String], _ ending: Ending = .withHead, _ lines: String...) {
            self.fields = fields
            self.ending = ending
            self.lines = lines
        }
    }

    static let rows = [
        Row(
            [":method: GET", ":scheme: http", ":path: /", ":authority: h"],
            .withHead,
            "GET / HTTP/1.1",
            "Host: h"
        ),
        Row(
            [":authority: h:80", ":path: /a?b=%20&c", ":scheme: https", ":method: DELETE", "a: b"],
            .withHead,
            "DELETE /a?b=%20&c HTTP/1.1",
            "Host: h:80",
            "a: b"
        ),
        Row(
            [":path: /", ":method: GET", ":scheme: http", "a: b", "host: h", "c: \t d", "e: "]
                .map { $0 == "c: \t d" ? "c: d\te" : $0 },
            .withHead,
            "GET / HTTP/1.1",
            "a: b",
            "host: h",
            "c: d\te",
            "e: "
        ),
        Row(TestFields.get + ["host: h", "a: b"], .withHead, "GET / HTTP/1.1", "Host: h", "a: b"),
        Row(TestFields.get + ["host: H"], .withHead, "GET / HTTP/1.1", "Host: h"),
        Row(
            TestFields.get + ["cookie: a=b", "x: y", "cookie: c=d; e=f", "cookie: ", "z: z"],
            .withHead,
            "GET / HTTP/1.1",
            "Host: h",
            "x: y",
            "z: z",
            "cookie: a=b; c=d; e=f; "
        ),
        Row(
            TestFields.get + ["te: trailers"],
            .withHead,
            "GET / HTTP/1.1",
            "Host: h",
            "te: trailers"
        ),
        Row(
            TestFields.post + ["content-length: 0"],
            .withHead,
            "POST / HTTP/1.1",
            "Host: h",
            "content-length: 0"
        ),
        Row(
            TestFields.post + ["content-length: 7"],
            .withBody,
            "POST / HTTP/1.1",
            "Host: h",
            "content-length: 7"
        ),
        Row(
            TestFields.post + ["a: b"],
            .withBody,
            "POST / HTTP/1.1",
            "Host: h",
            "a: b",
            "Transfer-Encoding: chunked"
        ),
        Row(
            TestFields.get,
            .withBody,
            "GET / HTTP/1.1",
            "Host: h",
            "Transfer-Encoding: chunked"
        ),
        Row(TestFields.post, .withHead, "POST / HTTP/1.1", "Host: h"),
        Row(
            TestFields.request(":method: OPTIONS", ":path: *"),
            .withHead,
            "OPTIONS * HTTP/1.1",
            "Host: h"
        ),
        Row(
            [":method: CONNECT", ":authority: h:443"],
            .withBody,
            "CONNECT h:443 HTTP/1.1",
            "Host: h:443",
            "Transfer-Encoding: chunked"
        ),
        Row(
            TestFields.request(":method: CONNECT", ":path: /", ":protocol: connect-udp/1.0")
                + ["a: b"],
            .withBody,
            "GET / HTTP/1.1",
            "Host: h",
            "Connection: Upgrade",
            "Upgrade: connect-udp/1.0",
            "a: b"
        ),
        Row(
            TestFields.get + ["a_b: c", "accept: é"],
            .withHead,
            "GET / HTTP/1.1",
            "Host: h",
            "a_b: c",
            "accept: é"
        ),
    ]

    @Test("becomes one of HTTP/1.1", arguments: rows)
    func text(_ row: Row) throws {
        let connection = try TestConnection.open()
        let flags = TestFrame.endHeaders | (row.ending == .withHead ? TestFrame.endStream : 0)
        let seen = connection.send(.headers(1, row.fields, flags))
        let head = (row.lines + ["", ""]).joined(separator: "\r\n")
        #expect(seen == [.head(0, head)] + (row.ending == .withHead ? [.requestEnded(0)] : []))
        #expect(connection.write().isEmpty)
    }

    @Test("of a WebSocket becomes an upgrade with a key of its own")
    func webSocket() throws {
        let connection = try TestConnection.open()
        let fields =
            TestFields.request(":method: CONNECT", ":protocol: websocket", ":path: /chat")
            + ["sec-websocket-version: 13", "sec-websocket-key: x"]
        var keys: Set<String> = []
        for stream in [1, 3] as [UInt32] {
            guard
                case .head(_, let head)? = connection.send(
                    .headers(stream, fields, TestFrame.endHeaders)
                ).first
            else {
                Issue.record("no head")
                return
            }
            let lines = head.split(separator: "\r\n", omittingEmptySubsequences: false)
            #expect(
                lines.filter { !$0.hasPrefix("Sec-WebSocket-Key: ") } == [
                    "GET /chat HTTP/1.1", "Host: h", "Connection: Upgrade", "Upgrade: websocket",
                    "sec-websocket-version: 13", "", "",
                ]
            )
            let key = try #require(lines.first { $0.hasPrefix("Sec-WebSocket-Key: ") }).dropFirst(
                19
            )
            // Sixteen bytes in base64, of which the last digit has two bits.
            #expect(
                key.count == 24 && key.hasSuffix("==") && "AQgw".contains(key.dropLast(2).suffix(1))
            )
            keys.insert(String(key))
        }
        #expect(keys.count == 2)
    }

    /// Requests that no client may make (RFC 9113 §8.1.1).
    static let malformed: [[String]] = [
        TestFields.get + ["host: other"],
        TestFields.get + ["host: h:80"],
        TestFields.get + ["host: h", "host: h"],
        TestFields.get + ["host: "],
        [":method: GET", ":scheme: http", ":path: /"],
        [":method: GET", ":scheme: http", ":authority: h"],
        [":method: GET", ":path: /", ":authority: h"],
        [":scheme: http", ":path: /", ":authority: h"],
        TestFields.get + [":path: /"],
        TestFields.get + ["a: b", ":foo: bar"],
        TestFields.get + [":status: 200"],
        [":method: GET", ":scheme: http", "a: b", ":path: /", ":authority: h"],
        TestFields.request(":method: GET", ":path: "),
        TestFields.request(":method: GET", ":path: /a b"),
        TestFields.request(":method: GET", ":path: /\r\nx:y"),
        TestFields.request(":method: GET", ":path: /\u{7F}"),
        TestFields.request(":method: GET", ":path: *"),
        TestFields.request(":method: GET", ":path: a"),
        [":method: GET", ":path: http://x/", ":scheme: ftp", ":authority: h"],
        [":method: GET", ":path: x", ":scheme: ftp", ":authority: h"],
        TestFields.request(":method: GE T", ":path: /"),
        TestFields.request(":method: GET\r", ":path: /"),
        TestFields.request(":method: ", ":path: /"),
        [":method: GET", ":path: /", ":scheme: http", ":authority: h\0"],
        [":method: GET", ":path: /", ":scheme: http", ":authority: h i"],
        [":method: CONNECT", ":authority: h", ":path: /", ":scheme: http"],
        [":method: CONNECT", ":scheme: http", ":path: /", ":protocol: websocket"],
        TestFields.request(":method: CONNECT", ":path: /", ":protocol: a b"),
        TestFields.request(":method: CONNECT", ":path: /", ":protocol: "),
        TestFields.request(":method: CONNECT", ":path: /", ":protocol: a,b"),
        TestFields.request(":method: CONNECT", ":path: /", ":protocol: web(socket"),
        TestFields.request(":method: CONNECT", ":path: /", ":protocol: /1"),
        TestFields.request(":method: CONNECT", ":path: /", ":protocol: a/1/2"),
        TestFields.request(":method: CONNECT", ":path: /", ":protocol: H2C"),
        TestFields.request(":method: GET", ":path: /", ":protocol: websocket"),
        TestFields.request(":method: CONNECT", ":path: /", ":protocol: websocket")
            + ["content-length: 5"],
        TestFields.get + ["Accept: a"],
        TestFields.get + ["a b: c"],
        TestFields.get + [": b"],
        TestFields.get + ["a: b\r\nc: d"],
        TestFields.get + ["a: b\nc"],
        TestFields.get + ["a: \0"],
        TestFields.get + ["a:  b"],
        TestFields.get + ["a: b "],
        TestFields.get + ["connection: close"],
        TestFields.get + ["keep-alive: 1"],
        TestFields.get + ["proxy-connection: close"],
        TestFields.get + ["transfer-encoding: chunked"],
        TestFields.get + ["upgrade: h2c"],
        TestFields.get + ["te: gzip"],
        TestFields.get + ["te: trailers, gzip"],
        TestFields.post + ["content-length: 1"],
        TestFields.post + ["content-length: 0", "content-length: 0"],
        TestFields.post + ["content-length: +0"],
        TestFields.post + ["content-length: "],
        [],
    ]

    @Test("ends its stream where it is malformed, and nothing else", arguments: malformed)
    func endsStream(_ fields: [String]) throws {
        let connection = try TestConnection.open()
        let seen = connection.send(.headers(1, fields), .headers(3, TestFields.get))
        #expect(seen == [.head(1, "GET / HTTP/1.1\r\nHost: h\r\n\r\n"), .requestEnded(1)])
        #expect(!connection.isReadingHead)
        let frames = connection.write()
        #expect(frames.map(\.type) == [3])
        #expect(frames.map(\.stream) == [1])
        #expect(frames.map(\.number) == [1])
        #expect(connection.seenWriting == [.failed(.streamError), .closed(0)])
        #expect(connection.openStreamCount == 1)
    }

    @Test(
        "is malformed where its body has another length than it says",
        arguments: [
            ["1"], ["1234"], ["12", "34"], [""],
        ]
    )
    func wrongLength(_ parts: [String]) throws {
        let connection = try TestConnection.open()
        connection.send(.headers(1, TestFields.post + ["content-length: 3"], TestFrame.endHeaders))
        for (index, part) in parts.enumerated() {
            let seen = connection.send(
                .data(1, part, index == parts.count - 1 ? TestFrame.endStream : 0)
            )
            #expect(!seen.contains(.requestEnded(0)))
        }
        #expect(connection.write().map(\.type) == [3])
        #expect(connection.seenWriting == [.failed(.streamError), .closed(0)])
    }

    @Test(
        "is refused above the limit, of whatever it has much",
        arguments: [
            ["a: "], ["cookie: "], ["a: b", "cookie: c", "d: "],
        ]
    )
    func headLimit(_ fields: [String]) throws {
        let text = "GET / HTTP/1.1\r\nHost: h\r\n"
        for excess in 0...1 {
            let connection = try TestConnection.open()
            // What the fields become, but for the value of the last of them.
            let length =
                fields.reduce(text.utf8.count) { $0 + $1.utf8.count + 2 }
                - (fields.contains("cookie: c") ? 10 : 0)
            let room = TestConnection.headBytes - length + excess
            var request = TestFields.get + fields
            request[request.count - 1] += String(repeating: "x", count: room)
            let seen = connection.send(.headers(1, request), .headers(3, TestFields.get))
            if excess == 0 {
                guard case .head(0, _)? = seen.first else {
                    Issue.record("\(seen)")
                    continue
                }
            } else {
                #expect(seen.first == .oversizedHead(0))
            }
            #expect(seen.dropFirst().first == .requestEnded(0))
            #expect(seen.count == 4 && connection.stage == .serving)
        }
    }

    @Test("may have a target of almost all bytes of a head")
    func longTarget() throws {
        let connection = try TestConnection.open()
        let path = "/" + String(repeating: "p", count: TestConnection.headBytes - 60)
        let fields =
            [":method: GET", ":path: " + path, ":scheme: http", ":authority: h"]
            + ["a: b", "c: d"]
        #expect(
            connection.send(.headers(1, fields)) == [
                .head(0, "GET \(path) HTTP/1.1\r\nHost: h\r\na: b\r\nc: d\r\n\r\n"),
                .requestEnded(0),
            ]
        )
        let long = [":method: GET", ":path: " + path + path, ":scheme: http", ":authority: h"]
        #expect(connection.send(.headers(3, long)) == [.oversizedHead(1), .requestEnded(1)])
    }

    @Test("has trailers behind its body")
    func trailers() throws {
        let connection = try TestConnection.open()
        connection.send(.headers(1, TestFields.post, TestFrame.endHeaders))
        #expect(
            connection.send(.data(1, "abc"), .headers(1, ["a: b", "c: d"])) == [
                .body(0, "abc"), .trailers(0, "a: b\r\nc: d\r\n"), .requestEnded(0),
            ]
        )
        connection.send(.headers(3, TestFields.post, TestFrame.endHeaders))
        let large = ["a: " + String(repeating: "x", count: TestConnection.headBytes)]
        #expect(connection.send(.headers(3, large)) == [.requestEnded(1)])
        #expect(connection.write().isEmpty)
    }

    @Test(
        "is malformed with trailers that are none",
        arguments: [
            TestFrame.headers(1, [":path: /"]), .headers(1, ["a: b"], TestFrame.endHeaders),
            .headers(1, ["connection: close"]), .headers(1, ["a: b\r\n"]),
        ]
    )
    func refusesTrailers(_ frame: TestFrame) throws {
        let connection = try TestConnection.open()
        connection.send(.headers(1, TestFields.post, TestFrame.endHeaders))
        #expect(connection.send(frame) == [])
        #expect(!connection.isReadingHead)
        #expect(connection.write().map(\.number) == [1])
        #expect(connection.seenWriting == [.failed(.streamError), .closed(0)])
    }
}
