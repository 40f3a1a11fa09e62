// SPDX-License-Identifier: Apache-2.0

/// Where a field line lies in the bytes of its head, which are at most 65,535.
struct FieldLine: BitwiseCopyable, Sendable {
    private let nameStart: UInt16
    private let nameEnd: UInt16
    private let valueStart: UInt16
    private let valueEnd: UInt16
    var kind: FieldKinds

    /// No line.
    @inline(__always)
    static var none: FieldLine {
        FieldLine(start: 0, nameEnd: 0, valueStart: 0, valueEnd: 0, kind: [])
    }

    @inline(__always)
    init(start: Int, nameEnd: Int, valueStart: Int, valueEnd: Int, kind: FieldKinds) {
        nameStart = UInt16(truncatingIfNeeded: start)
        self.nameEnd = UInt16(truncatingIfNeeded: nameEnd)
        self.valueStart = UInt16(truncatingIfNeeded: valueStart)
        self.valueEnd = UInt16(truncatingIfNeeded: valueEnd)
        self.kind = kind
    }

    @inline(__always)
    var start: Int { Int(nameStart) }

    @inline(__always)
    var name: Range<Int> { Int(nameStart)..<Int(nameEnd) }

    /// The value without the white space around it (RFC 9112 §5.1).
    @inline(__always)
    var value: Range<Int> { Int(valueStart)..<Int(valueEnd) }
}
