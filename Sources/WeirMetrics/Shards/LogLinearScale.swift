// SPDX-License-Identifier: Apache-2.0

/// The buckets of a quantile sketch: 32 equal ones in each octave from 2¹⁰ ns to 2⁴⁴ ns.
///
/// A bucket is at most 1/32 as wide as its lower end is high, so its middle is within 1.6 % of
/// everything in it. What is below 1 µs or above 4.9 h is taken for the nearest duration inside.
enum LogLinearScale {
    static var bucketCount: Int { 34 * 32 }

    /// The bucket that `nanoseconds` falls into.
    @inline(__always)
    static func bucket(of nanoseconds: UInt64) -> Int {
        let inside = min(max(nanoseconds, 1 << 10), 1 << 44 - 1)
        let octave = 63 &- inside.leadingZeroBitCount
        // The five bits after the leading one choose the bucket within the octave.
        let leadingBits = Int(truncatingIfNeeded: inside &>> UInt64(octave &- 5))
        return (octave &- 10) &* 32 &+ leadingBits &- 32
    }

    /// The middle of a bucket, in nanoseconds.
    static func middle(of bucket: Int) -> Double {
        let width = UInt64(1) << UInt64(bucket / 32 + 5)
        let lowerEnd = UInt64(bucket % 32 + 32) * width
        return Double(lowerEnd) + Double(width) / 2
    }
}
