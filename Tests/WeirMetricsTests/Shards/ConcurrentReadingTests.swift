// SPDX-License-Identifier: Apache-2.0

import Synchronization
import Testing
import WeirMetrics

@Suite("Reading while another thread writes")
struct ConcurrentReadingTests {
    /// What one thread writes and another reads.
    private final class Shard: Sendable {
        let bounds = HistogramBounds.standard()
        let histogram = DurationHistogram()
        let quantiles = SlidingQuantiles(now: 0)
        let isDone = Atomic(false)
    }

    private static let count: UInt64 = 100_000

    private func write(to shard: Shard) {
        for turn in 0..<ConcurrentReadingTests.count {
            shard.histogram.observe(1_000_000, within: shard.bounds)
            // A new window every 64 durations, so that the reader often meets one being cleared.
            let now = turn / 64 * SlidingQuantiles.windowNanoseconds
            shard.quantiles.observe(1_000_000 * (turn / 64 % 2 + 1), now: now)
        }
        shard.isDone.store(true, ordering: .releasing)
    }

    private func read(from shard: Shard) -> [UInt64] {
        var counts: [UInt64] = []
        while !shard.isDone.load(ordering: .acquiring) {
            counts.append(shard.histogram.snapshot(within: shard.bounds).count)
            let median = shard.quantiles.snapshot(now: 0).seconds(atQuantile: 0.5)
            #expect(median.isNaN || (0.000_98...0.002_04).contains(median))
        }
        return counts
    }

    @Test("sees counts that only grow, and all of them in the end")
    func grows() async {
        let shard = Shard()
        async let counts = read(from: shard)
        write(to: shard)
        let seen = await counts
        #expect(seen == seen.sorted())
        let snapshot = shard.histogram.snapshot(within: shard.bounds)
        #expect(snapshot.count == ConcurrentReadingTests.count)
        #expect(snapshot.sumNanoseconds == ConcurrentReadingTests.count * 1_000_000)
        #expect(shard.quantiles.snapshot(now: 0).count == ConcurrentReadingTests.count)
    }
}
