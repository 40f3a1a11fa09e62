// SPDX-License-Identifier: Apache-2.0

import Testing
import WeirHTTP
import WeirIO

@testable import WeirProxy

@Suite("Metrics page")
struct ProxyMetricsTests {
    private static let process = ProcessStatistics(
        cpuSeconds: 1.25,
        residentBytes: 2,
        virtualBytes: 3,
        openDescriptors: 4,
        descriptorLimit: 5,
        startTimeSeconds: 1_700_000_000.5,
        threads: 6
    )

    private static let sight = UpstreamSight(
        listeners: [
            ListeningSocket(inode: 1, backlog: 3, backlogMax: 9),
            ListeningSocket(inode: 2, backlog: 4, backlogMax: 9),
        ],
        workerCount: 66,
        places: [
            WorkerPlaces.Occupied(label: "2", cpuSeconds: 0.5, residentBytes: 4_096),
            WorkerPlaces.Occupied(label: "_other", cpuSeconds: 1, residentBytes: 8_192),
        ]
    )

    /// Every word for a failure once: the parsers' share the family with weir's own.
    private static let reasons = Array(
        Set(
            GatewayError.allCases.map(\.reason) + HeadError.allCases.map(\.reason)
                + BodyError.allCases.map(\.reason)
        )
    )

    @Test("shows every family from the first scrape on, in the order of declaration")
    func isCompleteAtFirst() {
        let page = Page(
            of: [LoopMetrics(now: 0)],
            sight: ProxyMetricsTests.sight,
            process: ProxyMetricsTests.process
        )
        #expect(page.families == Metric.allCases.map(\.rawValue))
        for metric in Metric.allCases {
            #expect(page.values.keys.contains { $0.hasPrefix(metric.rawValue) })
        }
    }

    @Test("shows zeros before the first request, and the same without any loop")
    func isZeroAtFirst() {
        let page = Page(of: [LoopMetrics(now: 0)], upstream: .down)
        let values = page.values.filter { !$0.key.hasPrefix("weir_build_info") }
        for (series, value) in values where series != "weir_slots" {
            #expect(value == (series.contains("quantile=") ? "NaN" : "0"))
        }
        #expect(values["weir_slots"] == "+Inf")
        #expect(Page(of: [], upstream: .down).values == page.values)
    }

    @Test(
        "shows every value of a closed label from the first scrape on",
        arguments: [
            ("flask_response_code", "status", ["200", "302", "404", "500"]),
            ("flask_request_duration", "quantile", ["0.5", "0.9", "0.99"]),
            ("http_server_active_requests", "http_request_method", Method.allCases.map(\.name)),
            ("weir_upstream_connections", "state", ["connecting", "active", "idle"]),
            ("weir_upstream_retries_total", "reason", ["connection_died", "connect_failed"]),
            ("weir_gateway_errors_total", "reason", ProxyMetricsTests.reasons),
            ("weir_client_aborts_total", "stage", ["head", "request_body", "waiting", "response"]),
            ("weir_connections", "protocol", ["http/1.1", "http/2"]),
            ("weir_connections_total", "protocol", ["http/1.1", "http/2"]),
            ("weir_bytes_total", "direction", ["receive", "transmit"]),
            ("weir_build_info", "version", ["1.2.3"]),
        ]
    )
    func hasClosedLabels(name: String, label: String, labelValues: [String]) {
        let expected = labelValues.map { "\(label)=\"\($0)\"" }.sorted()
        let labels = Page(of: [LoopMetrics(now: 0)]).labels(of: name)
        #expect(labels == expected)
    }

    @Test("types the first two compatible families untyped, the third a summary")
    func typesCompatibleFamilies() {
        let types = Page(of: []).types
        #expect(types["flask_requests"] == "untyped")
        #expect(types["flask_response_code"] == "untyped")
        #expect(types["flask_request_duration"] == "summary")
    }

    @Test("puts the chosen prefix before the compatible families and no others")
    func replacesPrefix() {
        let families = Page(of: [], prefix: "shop").families
        #expect(families.filter { $0.hasPrefix("flask") } == [])
        #expect(
            families.filter { $0.hasPrefix("shop") }
                == ["shop_requests", "shop_response_code", "shop_request_duration"]
        )
        #expect(families.count == Metric.allCases.count)
    }

    @Test("survives a prefix that makes no name, and says how many series that cost")
    func survivesBadPrefix() {
        let page = Page(of: [LoopMetrics(now: 0)], prefix: "my-shop")
        #expect(page.families.count == Metric.allCases.count - 3)
        #expect(page.values["weir_series_dropped_total"] == "6")
    }

    @Test("shows the process's numbers, or declares them without series")
    func showsProcess() {
        let known = Page(of: [], process: ProxyMetricsTests.process).values
        let unknown = Page(of: [], process: nil)
        let expected = [
            "process_cpu_seconds_total": "1.25", "process_resident_memory_bytes": "2",
            "process_virtual_memory_bytes": "3", "process_open_fds": "4",
            "process_max_fds": "5", "process_start_time_seconds": "1700000000.5",
            "process_threads": "6",
        ]
        #expect(known.filter { $0.key.hasPrefix("process_") } == expected)
        #expect(unknown.values.filter { $0.key.hasPrefix("process_") } == [:])
        #expect(unknown.families == Metric.allCases.map(\.rawValue))
    }

    @Test("shows what is seen of gunicorn, or declares it without series")
    func showsSight() {
        let names = ["weir_upstream_accept_backlog", "weir_worker"]
        func seen(_ page: Page) -> [String: String] {
            page.values.filter { series in names.contains { series.key.hasPrefix($0) } }
        }
        let expected = [
            "weir_upstream_accept_backlog": "7", "weir_workers": "66",
            "weir_worker_resident_memory_bytes{worker=\"2\"}": "4096",
            "weir_worker_resident_memory_bytes{worker=\"_other\"}": "8192",
            "weir_worker_cpu_seconds_total{worker=\"2\"}": "0.5",
            "weir_worker_cpu_seconds_total{worker=\"_other\"}": "1",
        ]
        #expect(seen(Page(of: [], sight: ProxyMetricsTests.sight)) == expected)
        let unknown = Page(of: [])
        #expect(seen(unknown) == [:])
        #expect(unknown.families == Metric.allCases.map(\.rawValue))
    }

    @Test(
        "shows the slots in force, and how many are taken and wanted",
        arguments: [
            (.bounded(12), 12, 3, ["12", "12", "3"]), (.unlimited, 5, 0, ["+Inf", "5", "0"]),
        ] as [(SlotLimit, Int, Int, [String])]
    )
    func showsSlots(slots: SlotLimit, inside: Int, queued: Int, expected: [String]) {
        let gate = SlotGate.Occupancy(slots: slots, insideCount: inside, queueCount: queued)
        let values = Page(of: [], gate: gate).values
        let shown = ["weir_slots", "weir_slots_busy", "weir_queue_length"].map { values[$0] }
        #expect(shown == expected)
    }

    @Test("counts who is in the application also without a bound")
    func countsWithoutGate() {
        let loops = [LoopMetrics(now: 0), LoopMetrics(now: 0)]
        for loop in loops { loop.slotTaken() }
        let values = Page(of: loops).values
        let shown = ["weir_slots", "weir_slots_busy", "weir_queue_length"].map { values[$0] }
        #expect(shown == ["+Inf", "2", "0"])
    }

    @Test("says whether upstream is up", arguments: [(UpstreamHealth.up, "1"), (.down, "0")])
    func showsHealth(health: UpstreamHealth, value: String) {
        #expect(Page(of: [], upstream: health).values["weir_upstream_up"] == value)
    }

    @Test("adds the loops up")
    func merges() {
        let loops = [LoopMetrics(now: 0), LoopMetrics(now: 0)]
        for loop in loops {
            loop.requestStarted(.get)
            loop.requestFinished(.sample())
            loop.connectionOpened()
        }
        loops[1].requestStarted(.get)
        loops[1].requestFinished(.sample(status: 418, applicationTime: .neverReached))
        let values = Page(of: loops).values
        #expect(values["flask_requests"] == "3")
        #expect(values["flask_response_code{status=\"200\"}"] == "2")
        #expect(values["flask_response_code{status=\"418\"}"] == "1")
        #expect(values["flask_request_duration_count"] == "2")
        #expect(values["weir_connections{protocol=\"http/1.1\"}"] == "2")
        let series = "{http_request_method=\"GET\",http_response_status_code=\"200\"}"
        #expect(values["http_server_request_duration_seconds_count" + series] == "2")
        #expect(values["http_server_request_duration_seconds_sum" + series] == "0.06")
    }
}
