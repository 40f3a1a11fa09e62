// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// The durations of one stretch of time, by bucket of the ``LogLinearScale``.
///
/// The writer clears a window before it uses it again, while a scrape may be reading it. The tag
/// settles that like a sequence lock: it is 0 meanwhile, and a reader who does not find the same
/// tag before and after drops what it read.
struct QuantileWindow: ~Copyable, Sendable {
    private let tag: Atomic<UInt64>
    private let buckets: [1088 of Counter]

    /// A window that holds nothing and belongs to no epoch.
    init() {
        tag = Atomic(0)
        buckets = InlineArray { _ in Counter() }
    }

    /// Adds a duration; for the writing thread only.
    @inline(__always)
    func observe(_ nanoseconds: UInt64) {
        buckets[LogLinearScale.bucket(of: nanoseconds)].increment()
    }

    /// Empties the window for another epoch; for the writing thread only.
    func restart(at epoch: UInt64) {
        tag.store(0, ordering: .relaxed)
        // Orders the tag before every store that follows, those of later observations included.
        atomicMemoryFence(ordering: .releasing)
        for bucket in 0..<LogLinearScale.bucketCount {
            buckets[bucket].reset()
        }
        tag.store(epoch &+ 1, ordering: .releasing)
    }

    /// The counts by bucket, if the window belongs to one of `epochs`; from any thread.
    func counts(during epochs: PartialRangeFrom<UInt64>) -> [UInt64]? {
        let before = tag.load(ordering: .acquiring)
        guard before > 0, epochs.contains(before &- 1) else { return nil }
        let counts = (0..<LogLinearScale.bucketCount).map { buckets[$0].value }
        atomicMemoryFence(ordering: .acquiring)
        return tag.load(ordering: .relaxed) == before ? counts : nil
    }
}
