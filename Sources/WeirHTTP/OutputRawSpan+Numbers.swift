// SPDX-License-Identifier: Apache-2.0

extension OutputRawSpan {
    /// Appends a number in decimal.
    @_lifetime(self: copy self)
    mutating func append(decimal number: UInt64) {
        fill { output in
            var output = output
            output.append(decimal: number)
            return output
        }
    }

    /// Appends a number in lower-case hexadecimal.
    @inline(__always)
    @_lifetime(self: copy self)
    mutating func append(hexadecimal number: UInt64) {
        // `&` binds tighter than `&+`.
        var shift = (64 &- number.leadingZeroBitCount &+ 3) & ~3
        if shift == 0 { shift = 4 }
        repeat {
            shift &-= 4
            let digit = UInt8(truncatingIfNeeded: number &>> UInt64(shift) & 15)
            append(digit < 10 ? UInt8(ascii: "0") &+ digit : UInt8(ascii: "a") &+ digit &- 10)
        } while shift != 0
    }

    /// Appends a `Content-Length` line (RFC 9110 §8.6).
    @_lifetime(self: copy self)
    mutating func appendContentLength(_ length: UInt64) {
        fill { output in
            var output = output
            output.appendContentLength(length)
            return output
        }
    }
}
