// SPDX-License-Identifier: Apache-2.0

import Testing
import WeirHTTP
import WeirMetrics

@testable import WeirProxy

@Suite("Request durations")
struct RequestDurationsTests {
    private var bounds: HistogramBounds { .standard() }

    /// One duration of 1 ns in each of the first `count` series that there can be.
    private func durations(seriesCount count: Int) -> RequestDurations {
        let durations = RequestDurations()
        for place in 0..<count {
            let method = Method.allCases[place / 100]
            let series = RequestSeries(method: method, statusCell: place % 100)
            durations.observe(1, in: series, within: bounds)
        }
        return durations
    }

    private func snapshots(
        of durations: borrowing RequestDurations
    ) -> [RequestSeries: HistogramSnapshot] {
        var snapshots: [RequestSeries: HistogramSnapshot] = [:]
        durations.add(to: &snapshots, within: bounds)
        return snapshots
    }

    @Test("keep a series for each method and status up to the bound, one less for the rest")
    func fillsToTheBound() {
        let durations = durations(seriesCount: RequestDurations.seriesMax - 1)
        let snapshots = snapshots(of: durations)
        #expect(snapshots.count == 127)
        #expect(snapshots.values.allSatisfy { $0.count == 1 })
        #expect(snapshots[.overflow] == nil)
        #expect(durations.droppedSeries == 0)
    }

    @Test("put what comes after the bound into one series, and count it once each")
    func overflows() {
        let durations = durations(seriesCount: RequestDurations.seriesMax + 1)
        let refused = RequestSeries(method: Method.allCases[1], statusCell: 28)
        durations.observe(1, in: refused, within: bounds)
        let snapshots = snapshots(of: durations)
        #expect(snapshots.count == 128)
        #expect(snapshots[refused] == nil)
        #expect(snapshots[.overflow]?.count == 3)
        #expect(durations.droppedSeries == 2)
    }

    @Test("keep counting what had a series before the bound was reached")
    func keepsEarlierSeries() {
        let durations = durations(seriesCount: 200)
        let first = RequestSeries(method: .get, statusCell: 0)
        durations.observe(1, in: first, within: bounds)
        #expect(snapshots(of: durations)[first]?.count == 2)
    }

    @Test("do not count the common series as dropped when it is meant itself")
    func observesOverflowItself() {
        let durations = RequestDurations()
        durations.observe(1, in: .overflow, within: bounds)
        #expect(snapshots(of: durations).keys.map { $0 } == [.overflow])
        #expect(durations.droppedSeries == 0)
    }

    @Test("show no series twice on the page, however many methods and statuses come")
    func staysBoundedOnThePage() {
        let loops = [LoopMetrics(now: 0), LoopMetrics(now: 0)]
        for loop in loops {
            for method in Method.allCases {
                for status in UInt16(95)...610 {
                    loop.requestStarted(method)
                    loop.requestFinished(.sample(method: method, status: status))
                }
            }
        }
        let page = Page(of: loops)
        let counts = page.values.filter {
            $0.key.hasPrefix("http_server_request_duration_seconds_count")
        }
        #expect(counts.count == 128 + 4 - page.initialSeriesAmongThose)
        #expect(counts.values.compactMap { Int($0) }.reduce(0, +) == 2 * 10 * 516)
        #expect(page.values["flask_requests"] == "10320")
        #expect(page.values["weir_series_dropped_total"] == "\(2 * (10 * 501 - 1 - 127))")
    }
}

extension Page {
    fileprivate var initialSeriesAmongThose: Int {
        ProxyMetrics.initialStatuses.filter { status in
            let labels = "http_request_method=\"GET\",http_response_status_code=\"\(status)\""
            return values["http_server_request_duration_seconds_count{\(labels)}"] != "0"
        }.count
    }
}
