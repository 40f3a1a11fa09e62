// SPDX-License-Identifier: Apache-2.0

extension UInt8 {
    /// Whether the byte is one of `0` to `9`.
    var isDigit: Bool { (0x30...0x39).contains(self) }

    /// Whether the byte is one of `a` to `z` or `A` to `Z`.
    var isLetter: Bool { (0x61...0x7A).contains(self | 0x20) }

    /// Whether the byte is a digit of a hexadecimal number.
    var isHexDigit: Bool { isDigit || (0x61...0x66).contains(self | 0x20) }
}
