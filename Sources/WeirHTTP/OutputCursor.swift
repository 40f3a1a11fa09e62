// SPDX-License-Identifier: Apache-2.0

extension OutputCursor {
    /// Appends a number in decimal.
    @inline(always)
    mutating func append(decimal number: UInt64) {
        guard number < 100_000_000 else { return append(longDecimal: number) }
        // Lengths and ports: halves of four digits, pairs, single digits, all lanes at once; the
        // first digit comes to lie lowest.
        let halves = number / 10_000 | (number % 10_000) &<< 32
        let hundreds = (halves &* 10_486) &>> 20 & 0x7F_0000_007F
        let pairs = hundreds | (halves &- hundreds &* 100) &<< 16
        let tens = (pairs &* 103) &>> 10 & 0x000F_000F_000F_000F
        let digits = tens | (pairs &- tens &* 10) &<< 8
        let zeros = min(digits.trailingZeroBitCount &>> 3, 7)
        let text = (digits | 0x3030_3030_3030_3030) &>> UInt64(truncatingIfNeeded: 8 &* zeros)
        append(word: text, count: 8 &- zeros)
    }

    @inline(never)
    private mutating func append(longDecimal number: UInt64) {
        var digits = [20 of UInt8](repeating: 0)
        var start = digits.count
        var rest = number
        repeat {
            start &-= 1
            digits[start] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        } while rest != 0
        append(contentsOf: digits.span.extracting(start..<20).octets)
    }

    /// Appends a `Content-Length` line (RFC 9110 §8.6).
    @inline(always)
    mutating func appendContentLength(_ length: UInt64) {
        append("Content-Length: ")
        append(decimal: length)
        append("\r\n")
    }
}
