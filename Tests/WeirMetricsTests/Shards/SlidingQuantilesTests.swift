// SPDX-License-Identifier: Apache-2.0

import Testing
import WeirMetrics

@Suite("Sliding quantiles")
struct SlidingQuantilesTests {
    private static let minute: UInt64 = 60_000_000_000
    private static let second: UInt64 = 1_000_000_000

    private func isAbout(_ seconds: Double, _ expected: Double) -> Bool {
        (seconds / expected - 1).magnitude <= 0.016
    }

    @Test("are NaN before anything was observed", arguments: [0, 1, 17 * minute, .max])
    func isNaNAtFirst(now: UInt64) {
        let snapshot = SlidingQuantiles(now: now).snapshot(now: now)
        #expect([0, 0.5, 0.99, 1].allSatisfy { snapshot.seconds(atQuantile: $0).isNaN })
        #expect(snapshot.count == 0)
        #expect(snapshot.sumNanoseconds == 0)
    }

    @Test(
        "take the nearest rank, as Prometheus' own summaries do",
        arguments: [
            (1, 0.5, 1), (2, 0.5, 1), (3, 0.5, 2), (4, 0.5, 2), (10, 0.9, 9), (11, 0.9, 10),
            (100, 0.99, 99), (101, 0.99, 100), (10, 0, 1), (10, 1, 10),
        ] as [(UInt64, Double, UInt64)]
    )
    func takesNearestRank(count: UInt64, quantile: Double, rank: UInt64) {
        let quantiles = SlidingQuantiles(now: 0)
        for place in 1...count {
            quantiles.observe(place * SlidingQuantilesTests.second, now: 0)
        }
        let seconds = quantiles.snapshot(now: 0).seconds(atQuantile: quantile)
        #expect(isAbout(seconds, Double(rank)))
    }

    @Test("stay within 1.6 % of the true quantile of random durations", arguments: 1...20)
    func boundsTheError(seed: UInt64) {
        var random = Xorshift(state: seed &* 0x9e37_79b9_7f4a_7c15)
        let quantiles = SlidingQuantiles(now: 0)
        var durations: [UInt64] = []
        for _ in 0..<2000 {
            let octave = random.next() % 24 + 16
            let nanoseconds = 1 << octave | random.next() % (1 << octave)
            durations.append(nanoseconds)
            quantiles.observe(nanoseconds, now: 0)
        }
        durations.sort()
        let snapshot = quantiles.snapshot(now: 0)
        for (quantile, rank) in [(0.5, 1000), (0.9, 1800), (0.99, 1980)] {
            let seconds = snapshot.seconds(atQuantile: quantile)
            #expect(isAbout(seconds, Double(durations[rank - 1]) / 1e9))
        }
    }

    @Test("cover the last eight to ten minutes, and forget what is older")
    func forgets() {
        let quantiles = SlidingQuantiles(now: 0)
        quantiles.observe(SlidingQuantilesTests.second, now: 0)
        let minute = SlidingQuantilesTests.minute
        let remembers = [0, 1, 2 * minute, 10 * minute - 1, 10 * minute, 11 * minute, .max].map {
            !quantiles.snapshot(now: $0).seconds(atQuantile: 0.5).isNaN
        }
        #expect(remembers == [true, true, true, true, false, false, false])
    }

    @Test("keep the sum and the count of everything since the start")
    func keepsTotals() {
        let quantiles = SlidingQuantiles(now: 0)
        quantiles.observe(2, now: 0)
        quantiles.observe(3, now: 100 * SlidingQuantilesTests.minute)
        let snapshot = quantiles.snapshot(now: 1000 * SlidingQuantilesTests.minute)
        #expect(snapshot.count == 2)
        #expect(snapshot.sumNanoseconds == 5)
        #expect(snapshot.seconds(atQuantile: 0.5).isNaN)
    }

    @Test("drop one window a step while traffic goes on")
    func rotates() {
        let quantiles = SlidingQuantiles(now: 0)
        for step in UInt64(0)..<12 {
            let now = step * SlidingQuantiles.windowNanoseconds
            // Step 0 takes 1 s, step 1 takes 2 s, and so on.
            quantiles.observe((step + 1) * SlidingQuantilesTests.second, now: now)
            let snapshot = quantiles.snapshot(now: now)
            let oldest = step < 5 ? 1 : step - 3
            #expect(isAbout(snapshot.seconds(atQuantile: 0), Double(oldest)))
            #expect(isAbout(snapshot.seconds(atQuantile: 1), Double(step + 1)))
        }
    }

    @Test("use a window again after a long silence without what it held before")
    func restartsAfterSilence() {
        let quantiles = SlidingQuantiles(now: 0)
        quantiles.observe(SlidingQuantilesTests.second, now: 0)
        let later = 5 * 7 * SlidingQuantiles.windowNanoseconds
        quantiles.observe(3 * SlidingQuantilesTests.second, now: later)
        let snapshot = quantiles.snapshot(now: later)
        #expect(isAbout(snapshot.seconds(atQuantile: 0), 3))
    }

    @Test("count what comes with a time before the current window all the same")
    func toleratesEarlierTimes() {
        let later = 3 * SlidingQuantiles.windowNanoseconds
        let quantiles = SlidingQuantiles(now: later)
        quantiles.observe(SlidingQuantilesTests.second, now: 0)
        let snapshot = quantiles.snapshot(now: later - 1)
        #expect(isAbout(snapshot.seconds(atQuantile: 0.5), 1))
    }

    @Test("merge over threads that are not in the same window yet")
    func merges() {
        let window = SlidingQuantiles.windowNanoseconds
        let idle = SlidingQuantiles(now: 0)
        let busy = SlidingQuantiles(now: 0)
        idle.observe(1 * SlidingQuantilesTests.second, now: 0)
        busy.observe(2 * SlidingQuantilesTests.second, now: 0)
        busy.observe(3 * SlidingQuantilesTests.second, now: 4 * window)
        var snapshot = SummarySnapshot()
        snapshot.add(idle, now: 4 * window)
        snapshot.add(busy, now: 4 * window)
        #expect(snapshot.count == 3)
        #expect([0, 0.5, 1].map { Int(snapshot.seconds(atQuantile: $0).rounded()) } == [1, 2, 3])
    }
}
