// SPDX-License-Identifier: Apache-2.0

extension UnsafePointer<UInt8> {
    /// Finds a byte, sixteen at a time.
    ///
    /// - Parameters:
    ///   - byte: what to look for.
    ///   - start: where to begin.
    ///   - end: where to stop.
    /// - Returns: its offset; `end` where it is not found.
    @inline(__always)
    func offset(of byte: UInt8, from start: Int, to end: Int) -> Int {
        let pattern = SIMD16<UInt8>(repeating: byte)
        var offset = start
        while end &- offset >= 16 {
            let block = unsafe UnsafeRawPointer(self + offset)
                .loadUnaligned(as: SIMD16<UInt8>.self)
            let hits = unsafe unsafeBitCast(block .== pattern, to: SIMD2<UInt64>.self)
            if hits[0] != 0 { return offset &+ hits[0].trailingZeroBitCount &>> 3 }
            if hits[1] != 0 { return offset &+ 8 &+ hits[1].trailingZeroBitCount &>> 3 }
            offset &+= 16
        }
        while offset < end, unsafe self[offset] != byte { offset &+= 1 }
        return offset
    }
}
