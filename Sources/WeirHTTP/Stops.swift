// SPDX-License-Identifier: Apache-2.0

/// Where a scan of sixteen bytes at a time stops.
enum Stops {
    typealias Bytes = SIMD16<UInt8>
    typealias Mask = SIMDMask<SIMD16<Int8>>

    /// Anything but letters, digits and `-`: the rarer token bytes are left to the caller.
    @inline(__always)
    static func outsideName(_ bytes: Bytes) -> Mask {
        .!(alphanumeric(bytes) .| (bytes .== Bytes(repeating: 0x2D)))
    }

    /// Anything but letters, digits, `-` and `.`: the rarer host bytes are left to the caller.
    @inline(__always)
    static func outsideHost(_ bytes: Bytes) -> Mask {
        .!(alphanumeric(bytes) .| (bytes &- Bytes(repeating: 0x2D) .< Bytes(repeating: 2)))
    }

    /// Controls, tab among them, and DEL.
    @inline(__always)
    static func controls(_ bytes: Bytes) -> Mask {
        (bytes .< Bytes(repeating: 0x20)) .| (bytes .== Bytes(repeating: 0x7F))
    }

    /// Anything but visible ASCII, and `#`, which starts what a target never carries.
    @inline(__always)
    static func outsideTarget(_ bytes: Bytes) -> Mask {
        (bytes &- Bytes(repeating: 0x21) .> Bytes(repeating: 0x5D))
            .| (bytes .== Bytes(repeating: 0x23))
    }

    /// Ranges are moved to the upper end of the signed bytes, where one comparison tells them:
    /// baseline x86-64 has none of unsigned bytes.
    @inline(__always)
    private static func alphanumeric(_ bytes: Bytes) -> Mask {
        let letters = (bytes | Bytes(repeating: 0x20)) &+ Bytes(repeating: 0x7F - 0x7A)
        let digits = bytes &+ Bytes(repeating: 0x7F - 0x39)
        return (SIMD16<Int8>(repeating: 0x7F - 26) .< SIMD16<Int8>(truncatingIfNeeded: letters))
            .| (SIMD16<Int8>(repeating: 0x7F - 10) .< SIMD16<Int8>(truncatingIfNeeded: digits))
    }
}
