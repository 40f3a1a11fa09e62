// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import WeirIO

@Suite("Listeners as the kernel describes them") struct DiagnosedListenerTests {
    private static func attribute(_ type: UInt16, _ value: [UInt8]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.appendNative(UInt16(4 + value.count))
        bytes.appendNative(type)
        return bytes + value + [UInt8](repeating: 0, count: -value.count & 3)
    }

    private static func words(_ words: UInt32...) -> [UInt8] {
        words.reduce(into: []) { $0.appendNative($1) }
    }

    private static let unix: [UInt8] =
        [1, 1, 10, 0] + words(4_711, 1, 2)
        + attribute(0, Array("/run/app.sock".utf8) + [0])
        + attribute(1, words(99, 0x80_0001))
        + attribute(4, words(3, 2_048))
        + attribute(6, [0])

    private static func tcp(_ family: UInt8, _ source: [UInt8], _ rest: [UInt8] = []) -> [UInt8] {
        [family, 10, 0, 0, 0x1F, 0x90, 0, 0]
            + source + [UInt8](repeating: 0, count: 48 - 4 - source.count)
            + words(0, 5, 128, 1_000, 815) + rest
    }

    private func bytes(_ bytes: [UInt8]) -> NativeBytes { NativeBytes(bytes[...]) }

    @Test("have a file, a name and a queue on a unix path") func readsUnix() throws {
        let listener = try #require(UnixListener(bytes(Self.unix)))
        #expect(
            listener.socket == ListeningSocket(inode: 4_711, backlog: 3, backlogMax: 2_048)
        )
        #expect(listener.file == UnixListener.File(device: 0x80_0001, inode: 99))
        #expect(listener.name == Array("/run/app.sock".utf8))
    }

    @Test("are nothing without all of that, wherever the message is cut") func survivesUnixCuts() {
        // Behind the queue's attribute nothing is needed.
        let needed = Self.unix.count - 8
        for end in 0..<needed { #expect(UnixListener(bytes(Array(Self.unix[..<end]))) == nil) }
        #expect(UnixListener(bytes(Array(Self.unix[..<needed]))) != nil)
    }

    @Test(
        "are another family's or state's business otherwise",
        arguments: [(0, 2), (2, 1), (2, 7)] as [(Int, UInt8)]
    )
    func refusesOthers(position: Int, value: UInt8) {
        var message = Self.unix
        message[position] = value
        #expect(UnixListener(bytes(message)) == nil)
    }

    @Test(
        "are where a path leads by device and file, or by file and name",
        arguments: [
            (0x80_0001, 99, "/elsewhere/link", true), (5, 99, "/other/app.sock", true),
            (5, 99, "/run/other.sock", false), (0x80_0001, 98, "/run/app.sock", false),
        ] as [(UInt32, UInt32, String, Bool)]
    )
    func comparesFiles(device: UInt32, inode: UInt32, path: String, isBound: Bool) throws {
        let listener = try #require(UnixListener(bytes(Self.unix)))
        let file = UnixListener.File(device: device, inode: inode)
        #expect(listener.isBound(to: file, at: path) == isBound)
    }

    @Test("have an address, a port and a queue over TCP") func readsTCP() throws {
        let listener = try #require(TCPListener(bytes(Self.tcp(2, [127, 0, 0, 1]))))
        #expect(listener.socket == ListeningSocket(inode: 815, backlog: 5, backlogMax: 128))
        #expect(listener.address == IPAddress("127.0.0.1"))
        #expect(listener.port == 8_080)
        #expect(listener.reach == .ownAddress)
    }

    @Test("over TCP are nothing either when the message is cut") func survivesTCPCuts() {
        let message = Self.tcp(10, [UInt8](repeating: 0, count: 16))
        #expect(message.count == 72)
        for end in 0..<72 { #expect(TCPListener(bytes(Array(message[..<end]))) == nil) }
    }

    private static let zero4 = [UInt8](repeating: 0, count: 4)
    private static let zero16 = [UInt8](repeating: 0, count: 16)
    private static let one16 = [UInt8](repeating: 0, count: 15) + [1]
    private static let mapped = [UInt8](repeating: 0, count: 10) + [255, 255, 127, 0, 0, 1]

    @Test(
        "are reached at their address, or at any of a kind",
        arguments: [
            (tcp(2, [10, 0, 0, 1]), ["10.0.0.1"]),
            (tcp(2, zero4), ["10.0.0.1", "127.0.0.1"]),
            (tcp(10, zero16), ["10.0.0.1", "127.0.0.1", "::1", "fd00::1"]),
            (tcp(10, zero16, attribute(11, [0])), ["10.0.0.1", "127.0.0.1", "::1", "fd00::1"]),
            (tcp(10, zero16, attribute(11, [1])), ["::1", "fd00::1"]),
            (tcp(10, one16), ["::1"]),
            (tcp(10, mapped), ["127.0.0.1"]),
        ] as [([UInt8], [String])]
    )
    func comparesAddresses(message: [UInt8], reached: [String]) throws {
        let listener = try #require(TCPListener(bytes(message)))
        let all = ["10.0.0.1", "127.0.0.1", "::1", "fd00::1"]
        let found = all.filter { text in
            IPAddress(text).map { listener.isReached(at: $0, port: 8_080) } ?? false
        }
        #expect(found == reached)
        #expect(
            !all.contains { IPAddress($0).map { listener.isReached(at: $0, port: 80) } ?? true }
        )
    }
}
