// SPDX-License-Identifier: Apache-2.0

extension Blocks {
    /// The first offset from `start` on that `stops` marks; that of the end when there is none.
    @inline(always)
    func scan(
        from start: Int,
        _ stops: (SIMD16<UInt8>) -> SIMDMask<SIMD16<Int8>>
    ) -> Int {
        var position = start
        while let next = sixteenBytes(at: position) {
            let word = stops(next).packed
            if word != 0 { return position &+ word.trailingZeroBitCount &>> 2 }
            position &+= 16
        }
        // Close to the end the load begins earlier, over bytes that are dropped.
        guard position < bytes.byteCount else { return bytes.byteCount }
        let base = max(blockCount &- 1, 0)
        let last = sixteenBytes(at: base) ?? bytes.fewBytes()
        let word = stops(last).nibbles &>> UInt64(truncatingIfNeeded: 4 &* (position &- base))
        guard word != 0 else { return bytes.byteCount }
        return min(position &+ word.trailingZeroBitCount &>> 2, bytes.byteCount)
    }
}
