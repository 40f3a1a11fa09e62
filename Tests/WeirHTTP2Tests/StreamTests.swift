// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import WeirHTTP2

@Suite("Stream of HTTP/2") struct StreamTests {
    @Test("keeps its place until that is released")
    func places() throws {
        let connection = try TestConnection.open()
        connection.releasing = .never
        connection.send(.headers(1, TestFields.get), .headers(3, TestFields.get))
        #expect(connection.openStreamCount == 2)
        #expect(connection.send(.reset(1)) == [.closed(0)])
        #expect(connection.openStreamCount == 1)
        #expect(connection.isOver(0))
        #expect(!connection.isOver(1))
        connection.send(.headers(5, TestFields.get))
        #expect(!connection.isOver(2))
        connection.session.release(StreamHandle(0))
        let seen = connection.send(.headers(7, TestFields.get))
        #expect(seen.last == .requestEnded(0))
        #expect(connection.openStreamCount == 3)
    }

    @Test("has an owner or none")
    func owners() throws {
        let connection = try TestConnection.open()
        connection.send(.headers(1, TestFields.get), .headers(3, TestFields.get))
        #expect(connection.owners.isEmpty)
        connection.session.setOwner(of: StreamHandle(0), to: 7)
        connection.session.setOwner(of: StreamHandle(1), to: 0)
        #expect(connection.owners == [7, 0])
        #expect(connection.owner(of: 0) == 7)
        connection.session.setOwner(of: StreamHandle(0), to: nil)
        #expect(connection.owner(of: 0) == nil)
        connection.send(.reset(3), .headers(5, TestFields.get))
        #expect(connection.owners.isEmpty, "a place has the owner of before")
    }

    @Test("is refused beyond 128, whether the client knows the limit or not", arguments: [0, 1])
    func limit(acknowledgements: Int) throws {
        let connection = try TestConnection()
        connection.send(TestConnection.preface + TestFrame.settings().bytes)
        connection.write()
        for _ in 0..<acknowledgements { connection.send(TestFrame(type: 4, flags: 1).bytes) }
        for stream in 0..<128 as Range<UInt32> {
            connection.send(.headers(2 * stream + 1, TestFields.get))
        }
        #expect(connection.openStreamCount == 128)
        #expect(connection.send(.headers(257, TestFields.get)) == [.failed(.tooManyStreams)])
        #expect(connection.write() == [.reset(257, 7)])
        #expect(connection.seenWriting == [])
        connection.send(.reset(1))
        #expect(connection.send(.headers(259, TestFields.get)).count == 2)
        #expect(connection.stage == .serving)
    }

    @Test("ends the connection of a client that opens twice as many at once")
    func limitOfLimits() throws {
        let connection = try TestConnection.open()
        for stream in 0..<256 as Range<UInt32> {
            connection.send(.headers(2 * stream + 1, TestFields.get))
        }
        #expect(connection.stage == .serving)
        #expect(connection.send(.headers(513, TestFields.get)) == [.failed(.tooManyStreams)])
        #expect(connection.stage == .broken)
        #expect(connection.write().last?.type == 7)
        #expect(!connection.hasOutput)
    }

    @Test("says 128 in its SETTINGS")
    func advertises() throws {
        let connection = try TestConnection()
        connection.send(TestConnection.preface + TestFrame.settings().bytes)
        let settings = try #require(connection.write().first)
        #expect(settings.type == 4)
        #expect(settings.payload.prefix(6) == [0, 3, 0, 0, 0, 128])
    }

    @Test("is refused where too many places are not released")
    func placesLimit() throws {
        let connection = try TestConnection.open()
        connection.releasing = .never
        let places = UInt32(HTTP2Limits.places)
        for stream in 0..<places {
            #expect(connection.send(.headers(2 * stream + 1, TestFields.get)).count == 2)
            connection.send(.reset(2 * stream + 1))
            // Time for another reset.
            connection.now += 1_000_000_000
        }
        #expect(
            connection.send(.headers(2 * places + 1, TestFields.get)) == [.failed(.tooManyStreams)]
        )
        #expect(connection.write() == [.reset(2 * places + 1, 7)])
        connection.session.release(StreamHandle(9))
        #expect(connection.send(.headers(2 * places + 3, TestFields.get)).last == .requestEnded(9))
    }

    @Test("opens its window as its body is taken, and the connection's at once")
    func consume() throws {
        let connection = try TestConnection.open()
        let part = [UInt8](repeating: 7, count: 16_383)
        for stream in [1, 3, 5, 7, 9, 11, 13, 15] as [UInt32] {
            connection.send(.headers(stream, TestFields.post, TestFrame.endHeaders))
            for _ in 0..<4 { connection.send(.data(stream, part)) }
            #expect(connection.write().isEmpty)
        }
        connection.send(.headers(17, TestFields.post, TestFrame.endHeaders), .data(17, part))
        let frames = connection.write()
        #expect(frames.map(\.type) == [8])
        #expect(frames.map(\.stream) == [0])
        #expect(frames.map(\.number) == [33 * 16_383])
        connection.consume(10_000, of: 2)
        #expect(connection.write().isEmpty)
        connection.consume(40_000, of: 2)
        #expect(connection.write() == [.windowUpdate(5, 50_000)])
        // No more than has come.
        connection.consume(65_532 - 50_000 + 40_000, of: 2)
        #expect(connection.write().isEmpty)
    }

    @Test("counts padding as taken, of streams that are over too")
    func padding() throws {
        let connection = try TestConnection.open()
        connection.send(.headers(1, TestFields.post, TestFrame.endHeaders))
        let padded = [255] + [UInt8](repeating: 0, count: 255)
        for _ in 0..<200 { connection.send(.data(1, padded, TestFrame.padded)) }
        #expect(connection.write().map(\.stream) == [1])
        connection.reset(0, .cancel)
        connection.write()
        let part = [UInt8](repeating: 7, count: 16_384)
        for _ in 0..<40 { connection.send(.data(1, part)) }
        #expect(connection.write().map(\.stream) == [0])
        #expect(connection.stage == .serving)
    }

    @Test("ends where it is sent more than its window")
    func overrun() throws {
        let connection = try TestConnection.open()
        connection.send(.headers(1, TestFields.post, TestFrame.endHeaders))
        let part = [UInt8](repeating: 7, count: 16_384)
        for _ in 0..<3 { connection.send(.data(1, part)) }
        #expect(connection.send(.data(1, Array(part.dropLast()))).count == 1)
        connection.send(.data(1, "x"))
        #expect(connection.write().map(\.number) == [3])
        #expect(connection.seenWriting == [.failed(.streamError), .closed(0)])
    }

    @Test("is closed once, by whoever ends it")
    func closed() throws {
        let connection = try TestConnection.open()
        connection.send(.headers(1, TestFields.get), .headers(3, TestFields.post, 4))
        #expect(connection.send(.reset(1), .reset(1)) == [.closed(0)])
        connection.reset(1, .cancel)
        connection.reset(1, .internalError)
        #expect(connection.send(.reset(3)) == [.closed(1)])
        // The two have crossed.
        #expect(connection.write() == [.reset(3)])
        #expect(connection.seenWriting == [])
        #expect(connection.openStreamCount == 0)
    }
}
