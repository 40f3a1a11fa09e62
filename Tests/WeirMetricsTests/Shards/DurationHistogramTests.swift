// SPDX-License-Identifier: Apache-2.0

import Testing
import WeirMetrics

@Suite("Duration histogram")
struct DurationHistogramTests {
    @Test("counts each duration in one bucket, and sums all")
    func counts() {
        let bounds = HistogramBounds(nanoseconds: [10, 20])
        let histogram = DurationHistogram()
        for nanoseconds: UInt64 in [0, 10, 11, 20, 21, 1000] {
            histogram.observe(nanoseconds, within: bounds)
        }
        let snapshot = histogram.snapshot(within: bounds)
        #expect(snapshot.boundNanoseconds == [10, 20])
        #expect(snapshot.counts == [2, 2, 2])
        #expect(snapshot.count == 6)
        #expect(snapshot.sumNanoseconds == 1062)
    }

    @Test("has a bucket above the most bounds there can be")
    func usesLastBucket() {
        let bounds = HistogramBounds(nanoseconds: Array(1...UInt64(HistogramBounds.countMax)))
        let histogram = DurationHistogram()
        histogram.observe(.max, within: bounds)
        #expect(histogram.snapshot(within: bounds).counts.last == 1)
    }

    @Test("adds up over threads")
    func merges() {
        let bounds = HistogramBounds(nanoseconds: [10])
        let first = DurationHistogram()
        let second = DurationHistogram()
        first.observe(5, within: bounds)
        second.observe(7, within: bounds)
        second.observe(11, within: bounds)
        var snapshot = HistogramSnapshot(within: bounds)
        snapshot.add(first)
        snapshot.add(second)
        #expect(snapshot.counts == [2, 1])
        #expect(snapshot.sumNanoseconds == 23)
    }
}
