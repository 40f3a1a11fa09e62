// SPDX-License-Identifier: Apache-2.0

/// Bytes of a message of the kernel, read at offsets from their own start.
///
/// Numbers are in the order of this machine. What is beyond the end is `nil`, never a trap.
struct NativeBytes: Equatable, Sendable {
    private let bytes: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) { self.bytes = bytes }

    var count: Int { bytes.count }

    /// The bytes in a range of offsets, if all of them are there.
    subscript(_ offset: Int, _ count: Int) -> NativeBytes? {
        guard offset >= 0, count >= 0, offset <= bytes.count, count <= bytes.count - offset else {
            return nil
        }
        let start = bytes.startIndex + offset
        return NativeBytes(bytes[start..<(start + count)])
    }

    func uint8(at offset: Int) -> UInt8? { self[offset, 1]?.bytes.first }

    func uint16(at offset: Int) -> UInt16? {
        self[offset, 2].map { two in
            UInt16(bigEndian: two.bytes.reduce(0) { $0 << 8 | UInt16($1) })
        }
    }

    func uint32(at offset: Int) -> UInt32? {
        self[offset, 4].map { four in
            UInt32(bigEndian: four.bytes.reduce(0) { $0 << 8 | UInt32($1) })
        }
    }

    /// The bytes themselves.
    var array: [UInt8] { Array(bytes) }
}

extension [UInt8] {
    /// Adds a number in the order of this machine.
    mutating func appendNative(_ number: UInt16) {
        let digits = number.bigEndian
        self += [UInt8(truncatingIfNeeded: digits >> 8), UInt8(truncatingIfNeeded: digits)]
    }

    /// Adds a number in the order of this machine.
    mutating func appendNative(_ number: UInt32) {
        let digits = number.bigEndian
        for shift in [24, 16, 8, 0] { append(UInt8(truncatingIfNeeded: digits >> shift)) }
    }
}
