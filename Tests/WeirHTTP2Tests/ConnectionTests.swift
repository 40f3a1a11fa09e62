// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import WeirHTTP2

@Suite("Connection of HTTP/2") struct ConnectionTests {
    @Test("begins with the settings of weir")
    func settings() throws {
        let connection = try TestConnection(headBytes: 32_768)
        #expect(connection.hasOutput)
        let frames = connection.write()
        #expect(
            frames.first == .settings([3: 128, 4: 65_535, 6: 32_768, 8: 1, 9: 1])
        )
        #expect(frames.dropFirst() == [.windowUpdate(0, (1 << 20) - 65_535)])
        connection.send(TestConnection.preface + TestFrame.settings().bytes)
        #expect(connection.write() == [.settingsAck])
    }

    /// What no client sends, each with the code of its GOAWAY.
    static let violations: [([UInt8], UInt32)] = [
        (TestFrame.settings([4: 1 << 31]).bytes, 3),
        (TestFrame.settings([2: 2]).bytes, 1),
        (TestFrame(type: 4, payload: [1]).bytes, 6),
        (TestFrame(type: 4, stream: 1).bytes, 1),
        (TestFrame(type: 6, payload: [1]).bytes, 6),
        (TestFrame.data(1, "idle").bytes, 1),
        (TestFrame.data(0, "").bytes, 1),
        (TestFrame.headers(0, TestFields.get).bytes, 1),
        (TestFrame.headers(2, TestFields.get).bytes, 1),
        (TestFrame.continuation(1, []).bytes, 1),
        (TestFrame.reset(1).bytes, 1),
        (TestFrame.windowUpdate(0, 0).bytes, 1),
        (TestFrame.windowUpdate(0, (1 << 31) - 1).bytes, 3),
        (TestFrame(type: 5, flags: 4, stream: 1, payload: [0, 0, 0, 2]).bytes, 1),
        ([0, 64, 1, 0, 0, 0, 0, 0, 1], 6),
        (TestFrame(type: 1, flags: 5, stream: 1, payload: [0xFF]).bytes, 9),
        (TestFrame(type: 1, flags: 5, stream: 1, payload: [0xBF]).bytes, 9),
        (TestFrame(type: 1, flags: 1, stream: 1).bytes + TestFrame.ping().bytes, 1),
        (TestFrame(type: 1, flags: 13, stream: 1, payload: [9]).bytes, 1),
    ]

    @Test("is ended by what breaks a rule", arguments: violations)
    func violation(_ bytes: [UInt8], _ code: UInt32) throws {
        let connection = try TestConnection.open()
        let seen = connection.send(bytes + TestFrame.headers(9, TestFields.get).bytes)
        #expect(!seen.contains { if case .head = $0 { true } else { false } })
        let frames = connection.write()
        #expect(frames.last?.type == 7)
        #expect(frames.last?.number == code)
        #expect((seen + connection.seenWriting).filter { $0 == .failed(.protocolError) }.count == 1)
        #expect(connection.stage == .broken)
        #expect(!connection.hasOutput)
        #expect(connection.send(.headers(11, TestFields.get)) == [])
        connection.session.goAway()
        #expect(connection.stage == .broken)
        #expect(connection.write().isEmpty)
    }

    @Test(
        "is ended where it does not begin as it should",
        arguments: [
            Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r ".utf8), Array("GET / HTTP/1.1\r\n".utf8),
            TestConnection.preface + TestFrame.ping().bytes,
            TestConnection.preface + TestFrame.settingsAck.bytes,
        ]
    )
    func beginning(_ bytes: [UInt8]) throws {
        let connection = try TestConnection()
        connection.send(bytes)
        let frames = connection.write()
        #expect(frames.last?.type == 7)
        #expect(connection.seenWriting == [.failed(.protocolError)])
        #expect(connection.stage == .broken)
    }

    @Test("announces its end, and serves what was on its way")
    func ending() throws {
        let connection = try TestConnection.open()
        connection.send(.headers(1, TestFields.get))
        connection.session.announceEnd()
        connection.session.ping()
        let frames = connection.write()
        #expect(frames == [.ping(), .goAway((1 << 31) - 1, 0)])
        #expect(connection.send(.headers(3, TestFields.get)).count == 2)
        #expect(connection.send(.ping(TestFrame.ack)) == [.pingAnswered])
        #expect(connection.stage == .serving)
        connection.session.goAway()
        #expect(connection.stage == .ending)
        #expect(connection.write() == [.goAway(3, 0)])
        // Passed over, but its fields change what those of others mean.
        #expect(connection.send(.headers(5, TestFields.get)) == [])
        #expect(!connection.isReadingHead)
        #expect(connection.openStreamCount == 2)
        #expect(!connection.isLeftByClient)
        for place in [0, 1] as [UInt32] { connection.respond(place, "HTTP/1.1 204 No Content") }
        #expect(connection.write().map(\.stream) == [1, 3])
        #expect(connection.isLeftByClient)
        #expect(connection.seenWriting.filter { $0 == .failed(.protocolError) }.isEmpty)
    }

    @Test("is left by a client that says so once its streams are over")
    func left() throws {
        let connection = try TestConnection.open()
        connection.send(.headers(1, TestFields.get))
        #expect(connection.send(.goAway(0, 0)) == [])
        #expect(!connection.isLeftByClient)
        connection.respond(0, "HTTP/1.1 204 No Content")
        connection.write()
        #expect(connection.isLeftByClient)
        #expect(connection.stage == .serving)
    }

    @Test("answers a ping")
    func ping() throws {
        let connection = try TestConnection.open()
        let ping = TestFrame(type: 6, payload: [1, 2, 3, 4, 5, 6, 7, 8])
        #expect(connection.send(ping) == [])
        var answer = ping
        answer.flags = TestFrame.ack
        #expect(connection.write() == [answer])
    }

    @Test(
        "sends the urgent first, as the client asks",
        arguments: [
            ["u=5", "u=0", "u=3"], ["u=7", "u=1", ""],
        ]
    )
    func priorities(_ priorities: [String]) throws {
        let connection = try TestConnection.open(settings: [4: 1_000_000, 9: 1])
        connection.send(.windowUpdate(0, 1_000_000))
        for (index, priority) in priorities.enumerated() {
            let stream = UInt32(2 * index + 1)
            let fields = TestFields.get + (priority.isEmpty ? [] : ["priority: \(priority)"])
            connection.send(.headers(stream, fields))
            connection.respond(UInt32(index), "HTTP/1.1 200 OK")
            connection.offer(UInt32(index), [UInt8](repeating: 7, count: 40_000))
            connection.endResponse(UInt32(index))
        }
        let order = connection.write().filter { $0.type == 0 }.map(\.stream)
        #expect(order == [3, 3, 3, 5, 5, 5, 1, 1, 1])
    }

    @Test("lets the client change its mind about what is urgent")
    func priorityUpdate() throws {
        let connection = try TestConnection.open(settings: [4: 1_000_000, 9: 1])
        connection.send(.windowUpdate(0, 1_000_000))
        for index in 0..<2 as Range<UInt32> {
            connection.send(.headers(2 * index + 1, TestFields.get))
            connection.respond(index, "HTTP/1.1 200 OK")
            connection.offer(index, [UInt8](repeating: 7, count: 20_000))
            connection.endResponse(index)
        }
        connection.send(TestFrame(type: 16, payload: [0, 0, 0, 3] + Array("u=0".utf8)))
        #expect(connection.write().filter { $0.type == 0 }.map(\.stream) == [3, 3, 1, 1])
    }
}
