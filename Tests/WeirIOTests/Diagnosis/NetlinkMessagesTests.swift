// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import WeirIO

@Suite("Netlink messages") struct NetlinkMessagesTests {
    /// A message with a true length, unless another one is claimed.
    static func message(
        type: UInt16 = NetlinkMessages.socketDiagnosis,
        sequence: UInt32 = 7,
        length: UInt32? = nil,
        _ payload: [UInt8] = []
    ) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.appendNative(length ?? UInt32(16 + payload.count))
        bytes.appendNative(type)
        bytes.appendNative(UInt16(2))
        bytes.appendNative(sequence)
        bytes.appendNative(UInt32(0))
        return bytes + payload + [UInt8](repeating: 0xEE, count: -payload.count & 3)
    }

    private func read(_ datagram: [UInt8]) -> [NetlinkMessages.Message] {
        Array(NetlinkMessages(datagram[...], answering: 7))
    }

    private func answer(_ payload: [UInt8]) -> NetlinkMessages.Message {
        .answer(NativeBytes(payload[...]))
    }

    @Test("are read one after the other, without what fills them up")
    func reads() {
        let datagram =
            Self.message([1, 2, 3]) + Self.message([]) + Self.message(type: 3, [0, 0, 0, 0])
        #expect(read(datagram) == [answer([1, 2, 3]), answer([]), .done])
        #expect(read([]) == [])
    }

    @Test("of another question are left out") func skipsStrangers() {
        let datagram = Self.message(sequence: 6, [9]) + Self.message([1])
        #expect(read(datagram) == [answer([1])])
    }

    @Test(
        "of an error, or of a kind that nobody asked for, are refusals",
        arguments: [0, 1, 2, 4, 21]
    )
    func refusesErrors(type: UInt16) {
        #expect(read(Self.message(type: type, [0, 0, 0, 0])) == [.refused])
    }

    @Test("that are cut are refused, wherever the cut is") func survivesCuts() {
        let datagram = Self.message([1, 2, 3, 4]) + Self.message([5, 6, 7, 8])
        for end in 0..<datagram.count {
            let messages = read(Array(datagram[..<end]))
            switch end {
            case 0: #expect(messages == [])
            case ..<20: #expect(messages == [.refused])
            case 20: #expect(messages == [answer([1, 2, 3, 4])])
            default: #expect(messages == [answer([1, 2, 3, 4]), .refused])
            }
        }
    }

    @Test(
        "that lie about their length are refused",
        arguments: [0, 1, 15, 21, 1 << 31, .max, .max - 3] as [UInt32]
    )
    func refusesLies(length: UInt32) {
        #expect(read(Self.message(length: length, [1, 2, 3, 4])) == [.refused])
    }

    @Test("end, whatever bytes they are") func survivesAnything() {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<2_000 {
            var datagram = (0..<Int.random(in: 0...96)).map { _ in UInt8.random(in: 0...255) }
            // Short lengths are the ones that get past the first check.
            for position in stride(from: 1, to: datagram.count, by: 4) where Bool.random() {
                datagram[position] = 0
            }
            for case .answer(let message) in NetlinkMessages(datagram[...], answering: 7) {
                _ = UnixListener(message)
                _ = TCPListener(message)
            }
            let whole = NativeBytes(datagram[...])
            _ = UnixListener(whole)
            _ = TCPListener(whole)
            var attributes = NetlinkAttributes(
                of: whole,
                behind: Int.random(in: 0...99, using: &generator)
            )
            var count = 0
            while attributes.next() != nil { count += 1 }
            #expect(count <= datagram.count / 4)
        }
    }

    @Test("ask with the header that the kernel wants") func asks() {
        let question = NetlinkMessages.question([1, 2, 3, 4], sequence: 9)
        let bytes = NativeBytes(question[...])
        #expect(bytes.count == 20)
        #expect(bytes.uint32(at: 0) == 20)
        #expect(bytes.uint16(at: 4) == 20)
        #expect(bytes.uint16(at: 6) == 0x301)
        #expect(bytes.uint32(at: 8) == 9)
        #expect(bytes.uint32(at: 12) == 0)
        #expect(bytes[16, 4]?.array == [1, 2, 3, 4])
    }
}
