// SPDX-License-Identifier: Apache-2.0

/// What the sliding quantiles of one or more threads held when they were read.
public struct SummarySnapshot: Equatable, Sendable {
    /// Durations observed since the start.
    public private(set) var count: UInt64 = 0
    /// The sum of all of them, in nanoseconds.
    public private(set) var sumNanoseconds: UInt64 = 0
    private var buckets = [UInt64](repeating: 0, count: LogLinearScale.bucketCount)

    /// A snapshot of nothing yet.
    public init() {}

    /// Adds what `quantiles` holds of the ten minutes before `now`.
    public mutating func add(_ quantiles: borrowing SlidingQuantiles, now: UInt64) {
        for counts in quantiles.liveCounts(now: now) {
            for bucket in counts.indices {
                buckets[bucket] &+= counts[bucket]
            }
        }
        count &+= quantiles.count.value
        sumNanoseconds &+= quantiles.sum.value
    }

    /// The duration in seconds that the fraction `quantile` of all does not exceed.
    ///
    /// The nearest rank, ⌈quantile × n⌉, as in Prometheus' own summaries, within 1.6 % of the
    /// duration that has it; NaN when the last ten minutes saw none.
    public func seconds(atQuantile quantile: Double) -> Double {
        let total = buckets.reduce(0, &+)
        guard total > 0 else { return .nan }
        let rank = (quantile * Double(total)).rounded(.up)
        var seen: UInt64 = 0
        let bucket = buckets.firstIndex { count in
            seen &+= count
            return seen > 0 && Double(seen) >= rank
        }
        return LogLinearScale.middle(of: bucket ?? buckets.endIndex - 1) / 1e9
    }
}
