// SPDX-License-Identifier: Apache-2.0

/// The messages of a datagram of the kernel (netlink(7)), whatever its bytes are.
///
/// ```
/// length u32 │ type u16 │ flags u16 │ sequence u32 │ port u32 │ payload … │ to a multiple of 4
/// ```
struct NetlinkMessages: Sequence, IteratorProtocol {
    /// One message.
    enum Message: Equatable, Sendable {
        /// What was asked for.
        case answer(NativeBytes)
        /// All has been said.
        case done
        /// The kernel does not tell, or said what no reader can follow.
        case refused
    }

    static let headerLength = 16
    private static let done: UInt16 = 3
    /// `SOCK_DIAG_BY_FAMILY`: the type of questions and answers about sockets.
    static let socketDiagnosis: UInt16 = 20

    private let datagram: NativeBytes
    private let sequence: UInt32
    private var offset = 0

    /// The messages of a datagram that answer a question; those that answer another are left out.
    init(_ datagram: ArraySlice<UInt8>, answering sequence: UInt32) {
        self.datagram = NativeBytes(datagram)
        self.sequence = sequence
    }

    mutating func next() -> Message? {
        while offset < datagram.count {
            guard let length = datagram.uint32(at: offset), length >= Self.headerLength,
                let message = datagram[offset, Int(length)],
                let type = message.uint16(at: 4), let number = message.uint32(at: 8),
                let payload = message[Self.headerLength, message.count - Self.headerLength]
            else {
                offset = datagram.count
                return .refused
            }
            offset += Self.aligned(message.count)
            guard number == sequence else { continue }
            switch type {
            case Self.socketDiagnosis: return .answer(payload)
            case Self.done: return .done
            default: return .refused
            }
        }
        return nil
    }

    /// A length with what fills it up to a multiple of 4.
    static func aligned(_ length: Int) -> Int { (length + 3) & ~3 }

    /// The bytes of a question that asks for all there is.
    ///
    /// - Parameters:
    ///   - body: what follows the header.
    ///   - sequence: what answers will carry.
    /// - Returns: the message.
    static func question(_ body: [UInt8], sequence: UInt32) -> [UInt8] {
        let requestAndDump: UInt16 = 0x301
        var message: [UInt8] = []
        message.appendNative(UInt32(headerLength + body.count))
        message.appendNative(socketDiagnosis)
        message.appendNative(requestAndDump)
        message.appendNative(sequence)
        message.appendNative(UInt32(0))
        return message + body
    }
}

/// The attributes behind the fixed part of a message, each a length, a type and its bytes.
struct NetlinkAttributes: Sequence, IteratorProtocol {
    private static let headerLength = 4

    private let bytes: NativeBytes
    private var offset: Int

    /// The attributes behind a message's first bytes.
    init(of message: NativeBytes, behind offset: Int) {
        bytes = message
        self.offset = offset
    }

    /// The next attribute; `nil` at the end, and where one is not whole.
    mutating func next() -> (type: UInt16, value: NativeBytes)? {
        guard let length = bytes.uint16(at: offset), length >= Self.headerLength,
            let type = bytes.uint16(at: offset + 2),
            let value = bytes[offset + Self.headerLength, Int(length) - Self.headerLength]
        else { return nil }
        offset += NetlinkMessages.aligned(Int(length))
        return (type, value)
    }
}
