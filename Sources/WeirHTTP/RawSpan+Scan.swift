// SPDX-License-Identifier: Apache-2.0

extension RawSpan {
    /// The first offset in `start..<end` that `stops` marks; `end` when there is none.
    ///
    /// Bytes behind `end` may be looked at, bytes behind the span never.
    @inline(__always)
    func scan(
        from start: Int,
        to end: Int,
        _ stops: (SIMD16<UInt8>) -> SIMDMask<SIMD16<Int8>>
    ) -> Int {
        var position = start
        while let next = sixteenBytes(at: position) {
            let words = stops(next).words
            if words[0] != 0 {
                return min(position &+ words[0].trailingZeroBitCount &>> 3, end)
            }
            if words[1] != 0 {
                return min(position &+ 8 &+ words[1].trailingZeroBitCount &>> 3, end)
            }
            position &+= 16
            guard position < end else { return end }
        }
        guard position < end else { return end }
        // Close to the end of the span the load begins earlier, over bytes that are dropped.
        let base = max(byteCount &- 16, 0)
        let words = stops(sixteenBytes(at: base) ?? fewBytes()).words
        let seenBits = UInt128(truncatingIfNeeded: 8 &* (position &- base))
        let rest = (UInt128(words[1]) &<< 64 | UInt128(words[0])) &>> seenBits
        return rest == 0 ? end : min(position &+ rest.trailingZeroBitCount &>> 3, end)
    }

    /// Sixteen bytes from the front of the span, with zeros behind it if it is shorter.
    @inline(never)
    func fewBytes() -> SIMD16<UInt8> {
        var lanes = SIMD16<UInt8>(repeating: 0)
        for offset in 0..<min(byteCount, 16) {
            lanes[offset] = byte(at: offset)
        }
        return lanes
    }

    /// The first `count` bytes from `offset` on, one to eight, with zeros behind them.
    @inline(__always)
    func word(at offset: Int, count: Int) -> UInt64 {
        if offset &+ 8 <= byteCount {
            let surplusBits = UInt64(truncatingIfNeeded: 64 &- 8 &* count)
            return eightBytes(at: offset) & (UInt64.max &>> surplusBits)
        }
        return wordAtEnd(offset, count: count)
    }

    @inline(never)
    private func wordAtEnd(_ offset: Int, count: Int) -> UInt64 {
        var word: UInt64 = 0
        for index in 0..<count {
            word |= UInt64(byte(at: offset &+ index)) &<< UInt64(8 &* index)
        }
        return word
    }

    /// Whether the bytes of `range` are `text`, which is in lower case, in whatever case.
    func equals(_ range: Range<Int>, lowercase text: StaticString) -> Bool {
        guard range.count == text.utf8CodeUnitCount else { return false }
        var offset = 0
        while offset < range.count {
            let length = min(8, range.count &- offset)
            let word = word(at: range.lowerBound &+ offset, count: length)
            let wanted = UInt64(ascii: text, from: offset)
            if word.lowercasedASCII != wanted { return false }
            offset &+= length
        }
        return true
    }

    /// Whether two ranges hold the same token, in whatever case.
    func sameToken(_ one: Range<Int>, _ other: Range<Int>) -> Bool {
        guard one.count == other.count else { return false }
        for index in 0..<one.count {
            let left = UInt64(byte(at: one.lowerBound &+ index))
            let right = UInt64(byte(at: other.lowerBound &+ index))
            if left.lowercasedASCII != right.lowercasedASCII { return false }
        }
        return true
    }
}

extension UInt64 {
    /// Eight ASCII bytes with A–Z turned into a–z and nothing else changed.
    @inline(__always)
    var lowercasedASCII: UInt64 {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let low = self & (ones &* 0x7F)
        let fromA = low &+ ones &* (0x80 &- 0x41)
        let behindZ = low &+ ones &* (0x80 &- 0x5B)
        let upper = (fromA & ~behindZ & ~self) & (ones &* 0x80)
        return self | upper &>> 2
    }
}
