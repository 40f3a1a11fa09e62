// SPDX-License-Identifier: Apache-2.0

/// A frame (RFC 9113 §4.1), well formed or not.
struct TestFrame: Equatable, Sendable {
    var type: UInt8
    var flags: UInt8 = 0
    var stream: UInt32 = 0
    var payload: [UInt8] = []
    /// What a header block that ends in it says, as `name: value`.
    var fields: [String] = []

    static let endStream: UInt8 = 1
    static let ack: UInt8 = 1
    static let endHeaders: UInt8 = 4
    static let padded: UInt8 = 8

    var bytes: [UInt8] {
        Array(Self.bigEndian(UInt32(payload.count)).dropFirst()) + [type, flags]
            + Self.bigEndian(stream) + payload
    }

    func has(_ flag: UInt8) -> Bool { flags & flag != 0 }

    /// The code of RST_STREAM, or of GOAWAY, behind which there may be a reason; a window's increment.
    var number: UInt32 {
        payload.dropFirst(type == 7 ? 4 : 0).prefix(4).reduce(0) { $0 << 8 | UInt32($1) }
    }

    static func bigEndian(_ number: UInt32) -> [UInt8] {
        [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: number >> $0) }
    }
}

extension TestFrame {
    static let settingsAck = TestFrame(type: 4, flags: ack)

    static func settings(_ values: [UInt16: UInt32] = [:]) -> Self {
        let entries = values.sorted { $0.key < $1.key }.flatMap { id, value in
            [UInt8(truncatingIfNeeded: id >> 8), UInt8(truncatingIfNeeded: id)] + bigEndian(value)
        }
        return TestFrame(type: 4, payload: entries)
    }

    /// A head with no body behind it, unless `flags` say otherwise.
    static func headers(
        _ stream: UInt32,
        _ fields: [String],
        _ flags: UInt8 = endHeaders | endStream
    ) -> Self {
        TestFrame(type: 1, flags: flags, stream: stream, payload: TestFields.encoded(fields))
    }

    static func continuation(_ stream: UInt32, _ payload: [UInt8], _ flags: UInt8 = 0) -> Self {
        TestFrame(type: 9, flags: flags, stream: stream, payload: payload)
    }

    static func data(_ stream: UInt32, _ payload: [UInt8], _ flags: UInt8 = 0) -> Self {
        TestFrame(type: 0, flags: flags, stream: stream, payload: payload)
    }

    static func data(_ stream: UInt32, _ text: String, _ flags: UInt8 = 0) -> Self {
        data(stream, Array(text.utf8), flags)
    }

    static func reset(_ stream: UInt32, _ code: UInt32 = 8) -> Self {
        TestFrame(type: 3, stream: stream, payload: bigEndian(code))
    }

    static func windowUpdate(_ stream: UInt32, _ increment: UInt32) -> Self {
        TestFrame(type: 8, stream: stream, payload: bigEndian(increment))
    }

    static func ping(_ flags: UInt8 = 0) -> Self {
        TestFrame(type: 6, flags: flags, payload: [UInt8](repeating: 0, count: 8))
    }

    static func goAway(_ lastStream: UInt32, _ code: UInt32) -> Self {
        TestFrame(type: 7, payload: bigEndian(lastStream) + bigEndian(code))
    }
}
