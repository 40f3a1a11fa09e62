// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import WeirHTTP2

@Suite("Torn request over HTTP/2") struct TornRequestTests {
    /// A request in every kind of frame, behind the preface.
    static func stream(_ name: String) -> [UInt8] {
        let block = TestFields.encoded(
            [":path: /\(name)", ":method: PUT", ":authority: \(name)", ":scheme: http"]
                + ["cookie: a=\(name)", "x: \(name)", "cookie: b=\(name)"]
        )
        let frames: [TestFrame] = [
            TestFrame(type: 1, stream: 1, payload: Array(block[..<20])),
            .continuation(1, Array(block[20..<60])),
            .continuation(1, Array(block[60...]), TestFrame.endHeaders),
            TestFrame(type: 0, flags: 8, stream: 1, payload: [3] + Array(name.utf8) + [0, 0, 0]),
            .headers(1, ["cookie: c=\(name)", "t: \(name)"]),
        ]
        return TestConnection.preface + TestFrame.settings([3: 7]).bytes
            + frames.flatMap(\.bytes)
    }

    static func expected(_ name: String) -> [TestConnection.Seen] {
        let head =
            "PUT /\(name) HTTP/1.1\r\nHost: \(name)\r\nx: \(name)\r\n"
            + "cookie: a=\(name); b=\(name)\r\nTransfer-Encoding: chunked\r\n\r\n"
        return [
            .head(0, head), .body(0, name), .trailers(0, "t: \(name)\r\ncookie: c=\(name)\r\n"),
            .requestEnded(0),
        ]
    }

    /// Bodies come in as many parts as the input has.
    static func joined(_ seen: [TestConnection.Seen]) -> [TestConnection.Seen] {
        var joined: [TestConnection.Seen] = []
        for event in seen {
            if case .body(let stream, let part) = event,
                case .body(stream, let front)? = joined.last
            {
                joined[joined.count - 1] = .body(stream, front + part)
            } else {
                joined.append(event)
            }
        }
        return joined
    }

    @Test(
        "is the same wherever it is cut while others are read",
        arguments: 0..<stream("one").count
    )
    func cut(at cut: Int) throws {
        let engine = try #require(HTTP2Engine(limits: HTTP2Limits(headBytes: 1_000)))
        let connections = try [TestConnection(engine), TestConnection(engine)]
        let streams = [Self.stream("one"), Self.stream("another")]
        var seen: [[TestConnection.Seen]] = [[], []]
        for index in 0..<2 { seen[index] += connections[index].send(Array(streams[index][..<cut])) }
        for index in 0..<2 { seen[index] += connections[index].send(Array(streams[index][cut...])) }
        #expect(Self.joined(seen[0]) == Self.expected("one"))
        #expect(Self.joined(seen[1]) == Self.expected("another"))
    }

    @Test("is the same byte by byte, beside another one that is being read")
    func byteByByte() throws {
        let engine = try #require(HTTP2Engine(limits: HTTP2Limits(headBytes: 1_000)))
        let connections = try [TestConnection(engine), TestConnection(engine)]
        let streams = [Self.stream("one"), Self.stream("another")]
        var seen: [[TestConnection.Seen]] = [[], []]
        for offset in 0..<max(streams[0].count, streams[1].count) {
            for index in 0..<2 where offset < streams[index].count {
                seen[index] += connections[index].send([streams[index][offset]])
                connections[index].write()
            }
        }
        #expect(Self.joined(seen[0]) == Self.expected("one"))
        #expect(Self.joined(seen[1]) == Self.expected("another"))
    }

    @Test("is malformed without a path, wherever it is cut behind another one")
    func tornMalformed() throws {
        let first = TestFrame.headers(1, TestFields.get).bytes
        let fields = [":method: GET", "a: b", ":scheme: http", ":path: /"]
        let bytes = first + TestFrame.headers(3, fields).bytes
        for cut in first.count..<bytes.count {
            let connection = try TestConnection.open()
            #expect(connection.send(Array(bytes[..<cut])).count == 2)
            #expect(connection.send(Array(bytes[cut...])) == [])
            #expect(connection.write().map(\.stream) == [3])
        }
    }

    @Test("is being read from its first byte to its last")
    func isReading() throws {
        let connection = try TestConnection.open()
        let bytes = TestFrame.headers(1, TestFields.get).bytes
        #expect(!connection.isReadingHead)
        connection.send(Array(bytes[..<9]))
        #expect(connection.isReadingHead)
        connection.send(Array(bytes[9..<(bytes.count - 1)]))
        #expect(connection.isReadingHead)
        connection.send(Array(bytes[(bytes.count - 1)...]))
        #expect(!connection.isReadingHead)
        connection.send(.headers(3, TestFields.get, TestFrame.endStream))
        #expect(connection.isReadingHead)
        #expect(connection.send(.continuation(3, [], TestFrame.endHeaders)).count == 2)
        #expect(!connection.isReadingHead)
    }

    @Test("is not being read where its stream is over: what is left of it is passed over")
    func readingEndsWithStream() throws {
        let connection = try TestConnection.open()
        connection.send(.headers(1, TestFields.post, TestFrame.endHeaders))
        connection.send(.headers(1, ["a: b", "cookie: c"], TestFrame.endStream))
        connection.reset(0, .cancel)
        connection.write()
        #expect(connection.seenWriting == [.closed(0)])
        #expect(!connection.isReadingHead)
        // Nothing of it is left for the next one that is torn.
        let rest = TestFrame.continuation(1, TestFields.encoded(["d: e"]), TestFrame.endHeaders)
        let next = TestFrame.headers(3, TestFields.get).bytes
        #expect(connection.send(rest.bytes + next[..<20]) == [])
        #expect(
            connection.send(Array(next[20...])) == [
                .head(0, "GET / HTTP/1.1\r\nHost: h\r\n\r\n"), .requestEnded(0),
            ]
        )
        // Trailers that cross the reset on their way.
        connection.send(.headers(5, TestFields.post, TestFrame.endHeaders))
        connection.reset(1, .cancel)
        connection.write()
        #expect(connection.send(.headers(5, ["a: b"])) == [])
        #expect(!connection.isReadingHead && connection.stage == .serving)
    }
}
