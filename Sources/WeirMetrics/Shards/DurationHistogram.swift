// SPDX-License-Identifier: Apache-2.0

/// How many durations fell into each bucket, and their sum: one writer, any readers.
///
/// The bounds are not kept here, so that a hundred histograms can share them: every observation
/// and every reading of one histogram must be given the same ones.
public struct DurationHistogram: ~Copyable, Sendable {
    // One more than HistogramBounds.countMax, for +Inf. Not cumulative: one cell a duration.
    @usableFromInline let buckets: [32 of Counter]
    @usableFromInline let sum: Counter

    /// A histogram that has seen nothing.
    public init() {
        buckets = InlineArray { _ in Counter() }
        sum = Counter()
    }

    /// Adds a duration; for the writing thread only.
    @inlinable
    public func observe(_ nanoseconds: UInt64, within bounds: borrowing HistogramBounds) {
        buckets[bounds.bucket(of: nanoseconds)].increment()
        sum.add(nanoseconds)
    }

    /// What the histogram holds; from any thread.
    ///
    /// A duration that is added meanwhile may be in the buckets and not yet in the sum.
    public func snapshot(within bounds: borrowing HistogramBounds) -> HistogramSnapshot {
        var snapshot = HistogramSnapshot(within: bounds)
        snapshot.add(self)
        return snapshot
    }
}
