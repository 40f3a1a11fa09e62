// SPDX-License-Identifier: Apache-2.0

extension OutputCursor {
    /// Appends a number in decimal.
    @inline(always)
    mutating func append(decimal number: UInt64) {
        guard number < 100_000_000 else { return append(longDecimal: number) }
        let digits = Self.eightDigits(number)
        let zeros = min(digits.trailingZeroBitCount &>> 3, 7)
        let text = (digits | 0x3030_3030_3030_3030) &>> UInt64(truncatingIfNeeded: 8 &* zeros)
        append(word: text, count: 8 &- zeros)
    }

    @inline(never)
    private mutating func append(longDecimal number: UInt64) {
        let high = number / 100_000_000
        // Microseconds since 1970 have sixteen digits until the year 2286.
        if 10_000_000..<100_000_000 ~= high {
            append(eightDecimals: high)
        } else {
            append(decimal: high)
        }
        append(eightDecimals: number % 100_000_000)
    }

    /// Appends a number below 10⁸ in eight decimal digits.
    @inline(always)
    mutating func append(eightDecimals number: UInt64) {
        append(word: Self.eightDigits(number) | 0x3030_3030_3030_3030, count: 8)
    }

    /// The eight decimal digits of a number below 10⁸, a byte each, the first one lowest.
    @inline(always)
    private static func eightDigits(_ number: UInt64) -> UInt64 {
        // Halves of four digits, pairs, single digits, all lanes at once.
        let halves = number / 10_000 | (number % 10_000) &<< 32
        let hundreds = (halves &* 10_486) &>> 20 & 0x7F_0000_007F
        let pairs = hundreds | (halves &- hundreds &* 100) &<< 16
        let tens = (pairs &* 103) &>> 10 & 0x000F_000F_000F_000F
        return tens | (pairs &- tens &* 10) &<< 8
    }

    /// Appends a number as sixteen lower-case hexadecimal digits.
    @inline(always)
    mutating func append(hexadecimalDigitsOf number: UInt64) {
        append(word: Self.hexadecimals(number &>> 32), count: 8)
        append(word: Self.hexadecimals(number & 0xFFFF_FFFF), count: 8)
    }

    /// The text of a number below 2³², eight digits, the first one lowest.
    @inline(always)
    private static func hexadecimals(_ number: UInt64) -> UInt64 {
        // Halves, bytes, single digits, all lanes at once; the last digit comes to lie lowest.
        let halves = (number | number &<< 16) & 0x0000_FFFF_0000_FFFF
        let bytes = (halves | halves &<< 8) & 0x00FF_00FF_00FF_00FF
        let digits = (bytes | bytes &<< 4) & 0x0F0F_0F0F_0F0F_0F0F
        // Six more carry a digit from 10 on over the lane's fourth bit.
        let letters = (digits &+ 0x0606_0606_0606_0606) &>> 4 & 0x0101_0101_0101_0101
        let distance = UInt64(UInt8(ascii: "a") &- UInt8(ascii: "0") &- 10)
        return (digits &+ 0x3030_3030_3030_3030 &+ letters &* distance).byteSwapped
    }

    /// Appends a `Content-Length` line (RFC 9110 §8.6).
    @inline(always)
    mutating func appendContentLength(_ length: UInt64) {
        append("Content-Length: ")
        append(decimal: length)
        append("\r\n")
    }
}
