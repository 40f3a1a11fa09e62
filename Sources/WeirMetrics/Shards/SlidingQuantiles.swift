// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Quantiles of the durations of the last ten minutes: one writer, any readers.
///
/// Five windows of two minutes take turns, so a quantile covers the last eight to ten minutes. The
/// time is a parameter, in nanoseconds of any clock that does not go back; nothing here reads one.
/// When nothing is observed for long, readers recognise the windows as stale by themselves. The
/// sum and the count are of everything since the start, as in every Prometheus summary.
public struct SlidingQuantiles: ~Copyable, Sendable {
    /// How long one window lasts, in nanoseconds.
    public static var windowNanoseconds: UInt64 { 120_000_000_000 }
    private static var windowCount: UInt64 { 5 }

    private let windows: [5 of QuantileWindow]
    private let current: Atomic<Int>
    private let nextRotation: Atomic<UInt64>
    let count = Counter()
    let sum = Counter()

    /// Nothing observed yet, at the time `now`.
    public init(now: UInt64) {
        windows = InlineArray { _ in QuantileWindow() }
        current = Atomic(0)
        nextRotation = Atomic(0)
        rotate(now: now)
    }

    /// Adds a duration that ended at `now`; for the writing thread only.
    public func observe(_ nanoseconds: UInt64, now: UInt64) {
        if now >= nextRotation.load(ordering: .relaxed) {
            rotate(now: now)
        }
        windows[current.load(ordering: .relaxed)].observe(nanoseconds)
        count.increment()
        sum.add(nanoseconds)
    }

    /// What the ten minutes before `now` hold; from any thread.
    public func snapshot(now: UInt64) -> SummarySnapshot {
        var snapshot = SummarySnapshot()
        snapshot.add(self, now: now)
        return snapshot
    }

    /// The counts of each window that is live at `now`; from any thread.
    func liveCounts(now: UInt64) -> [[UInt64]] {
        let epoch = now / SlidingQuantiles.windowNanoseconds
        let oldest = epoch - min(epoch, SlidingQuantiles.windowCount - 1)
        return (0..<5).compactMap { windows[$0].counts(during: oldest...) }
    }

    /// Makes the window of `now` the current one.
    @inline(never)  // Once in two minutes: not worth a place among the hot instructions.
    private func rotate(now: UInt64) {
        let epoch = now / SlidingQuantiles.windowNanoseconds
        let next = Int(epoch % SlidingQuantiles.windowCount)
        windows[next].restart(at: epoch)
        current.store(next, ordering: .relaxed)
        nextRotation.store(
            (epoch &+ 1) &* SlidingQuantiles.windowNanoseconds,
            ordering: .relaxed
        )
    }
}
