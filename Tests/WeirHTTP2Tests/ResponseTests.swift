// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import WeirHTTP2

@Suite("Response over HTTP/2") struct ResponseTests {
    /// A connection with one request that is whole, at place 0.
    private func asked(
        _ fields: [String] = TestFields.get,
        settings: [UInt16: UInt32] = [:]
    ) throws -> TestConnection {
        let connection = try TestConnection.open(settings: settings)
        connection.send(.headers(1, fields))
        return connection
    }

    /// A head in HTTP/1.1, and its fields in HTTP/2.
    static let heads: [([String], [String])] = [
        (["HTTP/1.1 200 OK"], [":status: 200"]),
        (["HTTP/1.1 404 Not Found", "A-B: C", "d:e"], [":status: 404", "a-b: C", "d: e"]),
        (
            ["HTTP/1.1 200 OK", "A: \t b c \t", "B:", "C:  "],
            [":status: 200", "a: b c", "b: ", "c: "]
        ),
        (
            ["HTTP/1.1 200 OK", "Connection: close", "Keep-Alive: x", "X: y", "Upgrade: h2c"]
                + ["Transfer-Encoding: chunked", "Proxy-Connection: close"],
            [":status: 200", "x: y"]
        ),
        (
            ["HTTP/1.1 200 OK", "Content-Length: 10", "Set-Cookie: a", "Set-Cookie: b"],
            [":status: 200", "content-length: 10", "set-cookie: a", "set-cookie: b"]
        ),
        (
            ["HTTP/1.1 200 OK", "Sec-WebSocket-Accept: x", "Upgrades: y", "Location: http://a:1/"],
            [":status: 200", "sec-websocket-accept: x", "upgrades: y", "location: http://a:1/"]
        ),
    ]

    @Test("has the fields of one of HTTP/1.1", arguments: heads)
    func head(_ lines: [String], _ fields: [String]) throws {
        let connection = try asked()
        let text = lines.joined(separator: "\r\n")
        #expect(connection.respond(0, text))
        connection.endResponse(0)
        let frames = connection.write()
        #expect(frames.map(\.fields) == [fields, []])
        #expect(frames.map(\.flags) == [TestFrame.endHeaders, TestFrame.endStream])
        #expect(connection.seenWriting == [.responseEnded(0), .closed(0)])
    }

    /// Heads behind which there can be no body.
    static let bodiless: [([String], MessageContent)] = [
        (["HTTP/1.1 204 No Content"], .expected),
        (["HTTP/1.1 304 Not Modified", "Content-Length: 5"], .expected),
        (["HTTP/1.1 200 OK", "Content-Length: 0"], .expected),
        (["HTTP/1.1 200 OK", "Content-Length: 10"], .none),
        (["HTTP/1.1 200 OK"], .none),
    ]

    @Test("ends with its head where it has no body", arguments: bodiless)
    func withoutBody(_ lines: [String], _ content: MessageContent) throws {
        let connection = try asked()
        #expect(connection.respond(0, lines.joined(separator: "\r\n"), content: content))
        // What is said of a body that is not there changes nothing.
        connection.endResponse(0)
        let frames = connection.write()
        #expect(frames.map(\.flags) == [TestFrame.endHeaders | TestFrame.endStream])
        #expect(connection.seenWriting == [.responseEnded(0), .closed(0)])
    }

    @Test("comes behind interim ones")
    func interim() throws {
        let connection = try asked()
        #expect(!connection.respond(0, "HTTP/1.1 100 Continue"))
        #expect(!connection.respond(0, "HTTP/1.1 103 Early Hints", "Link: a"))
        #expect(
            connection.write().map(\.fields) == [[":status: 100"], [":status: 103", "link: a"]]
        )
        #expect(!connection.respond(0, "HTTP/1.1 103 Early Hints", "Link: b"))
        #expect(connection.respond(0, "HTTP/1.1 200 OK"))
        connection.offer(0, "x")
        connection.endResponse(0)
        let frames = connection.write()
        #expect(frames.map(\.fields) == [[":status: 103", "link: b"], [":status: 200"], []])
        #expect(frames.map(\.flags) == [4, 4, 1])
    }

    @Test("to an extended CONNECT is 200 where it was 101, and DATA goes both ways")
    func tunnel() throws {
        let connection = try TestConnection.open()
        let fields = TestFields.request(":method: CONNECT", ":path: /", ":protocol: websocket")
        connection.send(.headers(1, fields, TestFrame.endHeaders))
        let isFinal = connection.respond(
            0,
            "HTTP/1.1 101 Switching Protocols",
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Accept: abc",
            "Sec-WebSocket-Protocol: x"
        )
        #expect(isFinal)
        connection.offer(0, "from weir")
        let frames = connection.write()
        #expect(frames.map(\.fields) == [[":status: 200", "sec-websocket-protocol: x"], []])
        #expect(frames.last == .data(1, "from weir"))
        #expect(connection.send(.data(1, "from the client")) == [.body(0, "from the client")])
        #expect(connection.send(.data(1, "", TestFrame.endStream)) == [.requestEnded(0)])
        connection.endResponse(0)
        #expect(connection.write() == [.data(1, "", TestFrame.endStream)])
    }

    @Test(
        "has its body in the gaps, whatever the output's size",
        arguments: [
            HTTP2Session.pieceBytesMax, 16_394, 20_000, 2 * HTTP2Session.pieceBytesMax, 65_536,
        ]
    )
    func gaps(_ room: Int) throws {
        let connection = try asked(settings: [4: 1_000_000])
        connection.send(.windowUpdate(0, 1_000_000), .headers(3, TestFields.get))
        let body = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 % 251) }
        connection.respond(0, "HTTP/1.1 200 OK")
        connection.respond(1, "HTTP/1.1 200 OK")
        connection.offer(0, Array(body[..<50_000]))
        connection.offer(1, Array(body.reversed()))
        var frames = connection.write(room: room)
        connection.offer(0, Array(body[50_000...]))
        connection.endResponse(0)
        connection.endResponse(1)
        frames += connection.write(room: room)
        let parts = Dictionary(grouping: frames.filter { $0.type == 0 }, by: \.stream)
        #expect(parts[1]?.flatMap(\.payload) == body)
        #expect(parts[3]?.flatMap(\.payload) == body.reversed())
        #expect(frames.allSatisfy { $0.payload.count <= 16_384 })
        #expect(connection.openStreamCount == 0)
    }

    @Test("is never larger than the windows and opens up with them")
    func windows() throws {
        let connection = try asked(settings: [4: 10])
        connection.send(.headers(3, TestFields.get))
        for place in [0, 1] as [UInt32] {
            connection.respond(place, "HTTP/1.1 200 OK")
            connection.offer(place, [UInt8](repeating: 7, count: 70_000))
            connection.endResponse(place)
        }
        func count(_ frames: [TestFrame], _ stream: UInt32) -> Int {
            frames.filter { $0.type == 0 && $0.stream == stream }.map(\.payload.count).reduce(0, +)
        }
        var frames = connection.write()
        #expect([count(frames, 1), count(frames, 3)] == [10, 10])
        connection.send(.windowUpdate(1, 5))
        frames = connection.write()
        #expect([count(frames, 1), count(frames, 3)] == [5, 0])
        // What is left of the connection's window, for both.
        connection.send(.windowUpdate(1, 100_000), .windowUpdate(3, 100_000))
        frames = connection.write()
        #expect(count(frames, 1) + count(frames, 3) == 65_535 - 25)
        #expect(!connection.hasOutput)
        connection.send(.windowUpdate(0, 1_000_000))
        #expect(connection.hasOutput)
        connection.write()
        #expect(connection.openStreamCount == 0)
        #expect(connection.seenWriting.count == 4)
    }

    @Test("waits for bytes that its owner has not got yet")
    func deferred() throws {
        let connection = try asked()
        connection.respond(0, "HTTP/1.1 200 OK")
        #expect(connection.write().count == 1)
        #expect(!connection.hasOutput)
        connection.offer(0, "ab")
        #expect(connection.hasOutput)
        connection.offer(0, "c")
        #expect(connection.write() == [.data(1, "abc")])
        #expect(!connection.hasOutput)
        connection.endResponse(0)
        #expect(connection.write() == [.data(1, "", TestFrame.endStream)])
    }

    @Test(
        "has its trailers behind all of its body, whatever the output's size",
        arguments: [
            0, 1, 7, 8, 16_384, 70_000,
        ],
        [HTTP2Session.pieceBytesMax, 2 * HTTP2Session.pieceBytesMax, 65_536]
    )
    func trailers(_ size: Int, _ room: Int) throws {
        let connection = try asked()
        connection.respond(0, "HTTP/1.1 200 OK")
        connection.offer(0, [UInt8](repeating: 7, count: size))
        connection.endResponse(0, trailers: "A: b\r\nConnection: close\r\nGrpc-Status:0\r\n")
        var frames = connection.write(room: room)
        if size > 65_535 {
            #expect(frames.last?.type == 0)
            connection.send(.windowUpdate(0, 10_000), .windowUpdate(1, 10_000))
            frames += connection.write(room: room)
        }
        #expect(frames.filter { $0.type == 0 }.map(\.payload.count).reduce(0, +) == size)
        #expect(frames.last?.fields == ["a: b", "grpc-status: 0"])
        #expect(frames.last?.flags == TestFrame.endHeaders | TestFrame.endStream)
        #expect(frames.filter { $0.has(TestFrame.endStream) }.count == 1)
        #expect(connection.seenWriting == [.responseEnded(0), .closed(0)])
    }

    @Test("ends without trailers where none are left", arguments: ["", "Upgrade: x\r\n"])
    func noTrailers(_ lines: String) throws {
        let connection = try asked()
        connection.respond(0, "HTTP/1.1 200 OK")
        connection.write()
        connection.offer(0, "a")
        connection.endResponse(0, trailers: lines)
        #expect(connection.write() == [.data(1, "a", TestFrame.endStream)])
        #expect(connection.openStreamCount == 0)
    }

    @Test("leaves the stream open to a request that is not whole")
    func early() throws {
        let connection = try TestConnection.open()
        connection.send(.headers(1, TestFields.post, TestFrame.endHeaders))
        connection.respond(0, "HTTP/1.1 413 Content Too Large", "Content-Length: 0")
        connection.write()
        #expect(connection.seenWriting == [.responseEnded(0)])
        connection.reset(0, .noError)
        #expect(connection.write().map(\.number) == [0])
        #expect(connection.seenWriting == [.closed(0)])
        #expect(connection.send(.data(1, "late", TestFrame.endStream)) == [])
        #expect(connection.stage == .serving)
    }

    @Test(
        "ends with a reset, behind what was written",
        arguments: [
            StreamResetCode.noError, .internalError, .refusedStream, .cancel,
        ]
    )
    func reset(_ code: StreamResetCode) throws {
        let connection = try asked()
        connection.respond(0, "HTTP/1.1 200 OK")
        connection.offer(0, "abc")
        connection.write()
        connection.offer(0, "def")
        connection.reset(0, code)
        let frames = connection.write()
        #expect(frames.map(\.type) == [3])
        #expect(frames.map(\.number) == [code.rawValue])
        #expect(connection.seenWriting == [.closed(0)])
        connection.offer(0, "ghi")
        connection.endResponse(0)
        connection.respond(0, "HTTP/1.1 200 OK")
        #expect(connection.write().isEmpty)
    }

    @Test("is none where its fields are too many for a frame's sender")
    func tooLarge() throws {
        let connection = try asked()
        connection.respond(0, "HTTP/1.1 200 OK", "a: " + String(repeating: "x", count: 40_000))
        #expect(connection.write().map(\.type) == [1, 9, 9])
        connection.send(.headers(3, TestFields.get))
        connection.respond(1, "HTTP/1.1 200 OK", "a: " + String(repeating: "x", count: 70_000))
        #expect(connection.write().map(\.number) == [2])
        #expect(connection.seenWriting == [.closed(1)])
    }
}
