// SPDX-License-Identifier: Apache-2.0

import Synchronization
import WeirHTTP
import WeirMetrics

/// A histogram of durations for each method and status that occurs; one writer, any readers.
///
/// The histograms are handed out in order of appearance. When they have run out, what is new
/// falls into the first, that of an unknown method and status, and is counted as dropped.
struct RequestDurations: ~Copyable, Sendable {
    /// The most series that one loop keeps, that for everything else included.
    static var seriesMax: Int { 128 }

    // For each method and status: the place of its histogram, plus one; 0 when it has none yet.
    private let places: [10 of [501 of Atomic<UInt8>]]
    private let histograms: [128 of DurationHistogram]
    private let used = Counter()
    private let dropped = Counter()

    /// Nothing observed yet.
    init() {
        places = InlineArray { _ in InlineArray { _ in Atomic(0) } }
        histograms = InlineArray { _ in DurationHistogram() }
        used.increment()  // The first is kept for the overflow.
    }

    /// Series that found no histogram left; one that comes up in two loops counts twice.
    var droppedSeries: UInt64 { dropped.value }

    /// Adds a duration; for the writing thread only.
    func observe(
        _ nanoseconds: UInt64,
        in series: RequestSeries,
        within bounds: borrowing HistogramBounds
    ) {
        var place = places[Int(series.method.rawValue)][series.statusCell].load(ordering: .relaxed)
        if place == 0 {
            place = assignPlace(to: series)
        }
        histograms[Int(place) &- 1].observe(nanoseconds, within: bounds)
    }

    /// Adds what every series holds to `snapshots`; from any thread.
    func add(
        to snapshots: inout [RequestSeries: HistogramSnapshot],
        within bounds: borrowing HistogramBounds
    ) {
        for method in Method.allCases {
            for statusCell in 0..<StatusCell.count {
                let series = RequestSeries(method: method, statusCell: statusCell)
                let place = places[Int(method.rawValue)][statusCell].load(ordering: .relaxed)
                // The first histogram belongs to the overflow, however many series point to it.
                guard place > 1 || (place == 1 && series == .overflow) else { continue }
                var snapshot = snapshots[series] ?? HistogramSnapshot(within: bounds)
                snapshot.add(histograms[Int(place) - 1])
                snapshots[series] = snapshot
            }
        }
    }

    @inline(never)  // Once a series.
    private func assignPlace(to series: RequestSeries) -> UInt8 {
        if series != .overflow, used.value < UInt64(RequestDurations.seriesMax) {
            used.increment()
            setPlace(UInt8(used.value), of: series)
            return UInt8(used.value)
        }
        if series != .overflow {
            dropped.increment()
            setPlace(1, of: series)
        }
        setPlace(1, of: .overflow)
        return 1
    }

    private func setPlace(_ place: UInt8, of series: RequestSeries) {
        places[Int(series.method.rawValue)][series.statusCell].store(place, ordering: .relaxed)
    }
}
