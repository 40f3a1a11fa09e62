// SPDX-License-Identifier: Apache-2.0

/// What one or more histograms with the same bounds held when they were read.
public struct HistogramSnapshot: Equatable, Sendable {
    /// The upper bounds of the buckets in nanoseconds, `+Inf` not among them.
    public let boundNanoseconds: [UInt64]
    /// Durations in each bucket alone, not cumulative; the last is the bucket `+Inf`.
    public private(set) var counts: [UInt64]
    /// The sum of all durations, in nanoseconds.
    public private(set) var sumNanoseconds: UInt64

    /// How many durations there are.
    public var count: UInt64 { counts.reduce(0, &+) }

    /// A snapshot of nothing yet.
    public init(within bounds: borrowing HistogramBounds) {
        boundNanoseconds = bounds.nanoseconds
        counts = Array(repeating: 0, count: bounds.count + 1)
        sumNanoseconds = 0
    }

    /// Adds what `histogram` holds, which must have been fed within the same bounds.
    public mutating func add(_ histogram: borrowing DurationHistogram) {
        for bucket in counts.indices {
            counts[bucket] &+= histogram.buckets[bucket].value
        }
        sumNanoseconds &+= histogram.sum.value
    }
}
