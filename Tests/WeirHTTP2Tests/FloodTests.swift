// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import WeirHTTP2

@Suite("Flood over HTTP/2") struct FloodTests {
    /// What may come so often and not more.
    struct Flood: Sendable {
        let error: HTTP2Error
        /// What comes in front.
        var opening: [TestFrame] = []
        /// One of many.
        let frames: @Sendable (UInt32) -> [TestFrame]

        static func of(_ error: HTTP2Error, _ frame: TestFrame) -> Self {
            Flood(error: error) { _ in [frame] }
        }
    }

    static let post = TestFrame.headers(1, TestFields.post, TestFrame.endHeaders)

    static let floods = [
        Flood.of(.pingFlood, .ping()),
        .of(.pingFlood, .ping(TestFrame.ack)),
        .of(.settingsFlood, .settings()),
        .of(.priorityFlood, TestFrame(type: 2, stream: 1, payload: [0, 0, 0, 0, 0])),
        .of(.priorityFlood, TestFrame(type: 16, payload: [0, 0, 0, 1] + Array("u=1".utf8))),
        .of(.unknownFrameFlood, TestFrame(type: 10)),
        .of(.unknownFrameFlood, TestFrame(type: 255, flags: 255, stream: 9, payload: [1, 2])),
        Flood(error: .emptyFrameFlood, opening: [post]) { _ in [.data(1, "")] },
        Flood(error: .emptyFrameFlood, opening: [post]) { _ in
            [.data(1, [2, 0, 0], TestFrame.padded)]
        },
        Flood(error: .emptyFrameFlood) { index in
            let block = TestFields.encoded(TestFields.get)
            return [
                TestFrame(type: 1, flags: TestFrame.endStream, stream: 4 * index + 1),
                .continuation(4 * index + 1, block, TestFrame.endHeaders),
            ]
        },
        Flood(error: .rapidReset) { index in
            [.headers(2 * index + 1, TestFields.get), .reset(2 * index + 1)]
        },
        Flood(error: .rapidReset, opening: [post]) { _ in [.reset(1)] },
        Flood(error: .windowUpdateFlood, opening: [post]) { _ in [.windowUpdate(1, 1)] },
        Flood(error: .windowUpdateFlood, opening: [post, .reset(1)]) { _ in [.windowUpdate(1, 1)] },
    ]

    private func isCalm(_ connection: TestConnection) -> Bool {
        connection.stage == .serving
    }

    @Test("ends the connection behind a thousand frames", arguments: floods)
    func bound(_ flood: Flood) throws {
        let connection = try TestConnection.open()
        for frame in flood.opening { connection.send(frame.bytes) }
        connection.pass(seconds: 60)
        for index in 0..<1_000 as Range<UInt32> {
            let seen = connection.send(flood.frames(index).flatMap(\.bytes))
            #expect(!seen.contains(.failed(flood.error)))
            if flood.error == .emptyFrameFlood, flood.opening.isEmpty {
                // Out of the way, without a reset that would count.
                connection.respond(0, "HTTP/1.1 204 No Content")
            }
            if index % 100 == 0 || connection.openStreamCount > 0 { connection.write() }
        }
        connection.write()
        #expect(connection.stage == .serving)
        #expect(
            connection.send(flood.frames(1_000).flatMap(\.bytes)).last == .failed(flood.error)
        )
        #expect(connection.stage == .broken)
        let frames = connection.write()
        #expect(frames.map(\.type) == [7])
        #expect(frames.map(\.number) == [11])
        #expect(!connection.hasOutput)
        #expect(connection.send(.ping()) == [])
    }

    @Test("is one in one read as well", arguments: floods)
    func inOneRead(_ flood: Flood) throws {
        let connection = try TestConnection.open()
        for frame in flood.opening { connection.send(frame.bytes) }
        connection.pass(seconds: 60)
        guard flood.error != .emptyFrameFlood || !flood.opening.isEmpty else { return }
        let bytes = (0...1_000).flatMap { flood.frames($0).flatMap(\.bytes) }
        #expect(connection.send(bytes).last == .failed(flood.error))
        #expect(connection.write().last?.number == 11)
    }

    @Test("is none at the pace at which frames are forgiven", arguments: floods.prefix(8))
    func refill(_ flood: Flood) throws {
        let connection = try TestConnection.open()
        for frame in flood.opening { connection.send(frame.bytes) }
        connection.pass(seconds: 60)
        for index in 0..<1_000 as Range<UInt32> {
            connection.send(flood.frames(index).flatMap(\.bytes))
        }
        connection.write()
        // However often it is asked, nothing is lost of the time between.
        for _ in 0..<33 {
            connection.pass(seconds: 0.031)
            connection.send(flood.frames(1).flatMap(\.bytes))
        }
        connection.pass(seconds: 1)
        for _ in 0..<33 { connection.send(flood.frames(1).flatMap(\.bytes)) }
        #expect(connection.stage == .serving)
        connection.send(flood.frames(1).flatMap(\.bytes))
        #expect(connection.stage == .broken)
    }

    @Test("of malformed requests ends the connection as one of resets does")
    func streamErrors() throws {
        let connection = try TestConnection.open()
        for index in 0..<1_000 as Range<UInt32> {
            connection.send(.headers(2 * index + 1, ["a: b"]))
            #expect(connection.write().map(\.type) == [3])
        }
        #expect(connection.stage == .serving)
        connection.send(.headers(2_001, ["a: b"]))
        let frames = connection.write()
        #expect(frames.map(\.type) == [3, 7])
        #expect(frames.last?.number == 11)
        #expect(
            connection.seenWriting == [
                .failed(.streamError), .failed(.rapidReset), .closed(0),
            ]
        )
        #expect(connection.stage == .broken)
    }

    @Test("of requests that are refused ends the connection, though nothing is read of the answers")
    func refusals() throws {
        let connection = try TestConnection()
        connection.send(TestConnection.preface + TestFrame.settings().bytes)
        for index in 0..<1_128 as Range<UInt32> {
            connection.send(.headers(2 * index + 1, TestFields.get))
        }
        #expect(connection.stage == .serving)
        let seen = connection.send(.headers(2_257, TestFields.get))
        #expect(seen == [.failed(.tooManyStreams), .failed(.rapidReset)])
        #expect(connection.write().last?.number == 11)
    }

    @Test("is not what the owner of a stream does to it")
    func ownResets() throws {
        let connection = try TestConnection.open()
        let codes: [StreamResetCode] = [.noError, .cancel, .internalError, .refusedStream]
        for index in 0..<1_200 as Range<UInt32> {
            connection.send(.headers(2 * index + 1, TestFields.post, TestFrame.endHeaders))
            connection.reset(0, codes[Int(index % 4)])
            connection.write()
            #expect(connection.seenWriting == [.closed(0)])
        }
        #expect(connection.stage == .serving)
    }

    @Test("of windows is bounded by what was sent, and not by time")
    func windowUpdates() throws {
        let connection = try TestConnection.open()
        for _ in 0..<1_000 { connection.send(.windowUpdate(0, 1)) }
        connection.send(.headers(1, TestFields.get), .headers(3, TestFields.get))
        connection.respond(0, "HTTP/1.1 200 OK")
        connection.offer(0, "abc")
        connection.respond(1, "HTTP/1.1 204 No Content")
        #expect(connection.write().count == 3)
        connection.pass(seconds: 3_600)
        for _ in 0..<30 { connection.send(.windowUpdate(0, 1)) }
        #expect(connection.stage == .serving)
        #expect(connection.send(.windowUpdate(0, 1)) == [.failed(.windowUpdateFlood)])
    }

    @Test("of CONTINUATION frames ends the connection behind 32 of a head", arguments: [0, 1])
    func continuations(_ excess: Int) throws {
        let connection = try TestConnection.open()
        let block = TestFields.encoded(TestFields.get)
        connection.send(TestFrame(type: 1, flags: 1, stream: 1, payload: Array(block[..<1])))
        for offset in 1..<(31 + excess) {
            #expect(connection.send(.continuation(1, [block[offset]])) == [])
        }
        let rest = Array(block[(31 + excess)...])
        #expect(connection.send(.continuation(1, Array(rest[..<1]))) == [])
        let last = TestFrame.continuation(1, Array(rest[1...]), TestFrame.endHeaders)
        let seen = connection.send(last)
        if excess == 0 {
            #expect(seen.count == 2)
            #expect(connection.stage == .serving)
        } else {
            #expect(seen == [.failed(.continuationFlood)])
            #expect(connection.write().map(\.number) == [11])
        }
    }

    @Test("of CONTINUATION frames ends it where the head is passed over, too")
    func ignoredContinuations() throws {
        let connection = try TestConnection.open()
        connection.send(.headers(1, TestFields.get))
        connection.session.goAway()
        connection.write()
        connection.send(TestFrame(type: 1, stream: 3))
        var seen: [TestConnection.Seen] = []
        for _ in 0..<100 { seen += connection.send(.continuation(3, [])) }
        #expect(seen == [.failed(.continuationFlood)])
    }

    @Test("is none of many small frames, each of its own kind")
    func everything() throws {
        let connection = try TestConnection.open()
        connection.send(Self.post)
        for _ in 0..<900 {
            connection.send(.ping(), .settings(), .data(1, ""), .windowUpdate(1, 1))
            connection.send(TestFrame(type: 99))
        }
        #expect(connection.stage == .serving)
    }
}
