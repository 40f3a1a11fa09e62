// SPDX-License-Identifier: Apache-2.0

import Testing
import WeirHTTP

@testable import WeirProxy

@Suite("Loop metrics")
struct LoopMetricsTests {
    /// What changes on the page when `verbs` are called.
    private func changes(_ verbs: (LoopMetrics) -> Void) -> [String: String] {
        let loop = LoopMetrics(now: 0)
        let before = Page(of: [loop]).values
        verbs(loop)
        return Page(of: [loop]).values.filter { before[$0.key] != $0.value }
    }

    /// The same without the buckets of histograms.
    private func summary(_ verbs: (LoopMetrics) -> Void) -> [String: String] {
        changes(verbs).filter { !$0.key.contains("_bucket{") }
    }

    @Test("count a request under way until it has its response")
    func countsActiveRequests() {
        let active = "http_server_active_requests{http_request_method=\"PUT\"}"
        #expect(changes { $0.requestStarted(.put) } == [active: "1"])
        let finished = changes {
            $0.requestStarted(.put)
            $0.requestFinished(.sample(method: .put))
        }
        #expect(finished[active] == nil)
    }

    @Test("take a finished exchange into every family that it belongs to")
    func countsExchange() {
        let labels = "http_request_method=\"POST\",http_response_status_code=\"201\""
        let duration = "http_server_request_duration_seconds"
        let seen = changes {
            $0.requestStarted(.post)
            $0.requestFinished(.sample(method: .post, status: 201))
        }
        #expect(seen["flask_requests"] == "1")
        #expect(seen["flask_response_code{status=\"201\"}"] == "1")
        #expect(seen["flask_request_duration_count"] == "1")
        #expect(seen["flask_request_duration_sum"] == "0.02")
        #expect(seen["\(duration)_bucket{\(labels),le=\"0.025\"}"] == "0")
        #expect(seen["\(duration)_bucket{\(labels),le=\"0.05\"}"] == "1")
        #expect(seen["\(duration)_sum{\(labels)}"] == "0.03")
        #expect(seen["\(duration)_count{\(labels)}"] == "1")
        for quantile in ["0.5", "0.9", "0.99"] {
            let text = seen["flask_request_duration{quantile=\"\(quantile)\"}"] ?? ""
            #expect((0.01968...0.02032).contains(Double(text) ?? 0))
        }
    }

    @Test("leave what never reached the application out of its durations, and nowhere else")
    func leavesOutWhatNeverReached() {
        let seen = summary {
            $0.requestStarted(.get)
            $0.requestFinished(.sample(status: 404, applicationTime: .neverReached))
        }
        let labels = "{http_request_method=\"GET\",http_response_status_code=\"404\"}"
        #expect(
            seen == [
                "flask_requests": "1",
                "flask_response_code{status=\"404\"}": "1",
                "http_server_request_duration_seconds_sum\(labels)": "0.03",
                "http_server_request_duration_seconds_count\(labels)": "1",
            ]
        )
    }

    @Test(
        "count every status of RFC 9110 by itself, and what is none together",
        arguments: [
            (100, "100"), (599, "599"), (99, "_other"), (600, "_other"), (0, "_other"),
            (.max, "_other"),
        ] as [(UInt16, String)]
    )
    func countsStatuses(status: UInt16, labelValue: String) {
        let seen = changes {
            $0.requestStarted(.get)
            $0.requestFinished(.sample(status: status))
        }
        #expect(seen["flask_response_code{status=\"\(labelValue)\"}"] == "1")
        #expect(seen["weir_series_dropped_total"] == nil)
    }

    @Test("time connecting to upstream and its responses")
    func timesUpstream() {
        let connected = summary { $0.upstreamConnected(nanoseconds: 250_000) }
        #expect(
            connected == [
                "weir_upstream_connects_total": "1",
                "weir_upstream_connect_duration_seconds_sum": "0.00025",
                "weir_upstream_connect_duration_seconds_count": "1",
            ]
        )
        let answered = summary {
            $0.upstreamAnswered(responseStartNanoseconds: 2_000_000, serviceNanoseconds: 3_000_000)
        }
        #expect(
            answered == [
                "weir_upstream_response_start_seconds_sum": "0.002",
                "weir_upstream_response_start_seconds_count": "1",
                "weir_upstream_duration_seconds_sum": "0.003",
                "weir_upstream_duration_seconds_count": "1",
            ]
        )
    }

    @Test("follow a connection to upstream from state to state")
    func followsUpstreamConnections() {
        func series(_ state: String) -> String { "weir_upstream_connections{state=\"\(state)\"}" }
        let moved = changes {
            $0.upstreamConnectionOpened(in: .connecting)
            $0.upstreamConnectionOpened(in: .connecting)
            $0.upstreamConnectionMoved(from: .connecting, to: .active)
        }
        #expect(moved == [series("connecting"): "1", series("active"): "1"])
        let closed = changes {
            $0.upstreamConnectionOpened(in: .active)
            $0.upstreamConnectionMoved(from: .active, to: .idle)
            $0.upstreamConnectionClosed(in: .idle)
        }
        #expect(closed == [:])
    }

    @Test("count connections, bytes and failures to accept")
    func countsClients() {
        let seen = changes {
            for _ in 0..<3 { $0.connectionOpened() }
            $0.connectionSpoke(.http1)
            $0.connectionClosed(.http1)
            $0.connectionSpoke(.http2)
            $0.received(bytes: 100)
            $0.received(bytes: 0)
            $0.transmitted(bytes: 5_000_000_000)
            $0.acceptFailed()
        }
        #expect(
            seen == [
                "weir_connections{protocol=\"http/1.1\"}": "1",
                "weir_connections{protocol=\"http/2\"}": "1",
                "weir_connections_total{protocol=\"http/1.1\"}": "1",
                "weir_connections_total{protocol=\"http/2\"}": "1",
                "weir_bytes_total{direction=\"receive\"}": "100",
                "weir_bytes_total{direction=\"transmit\"}": "5000000000",
                "weir_accept_errors_total": "1",
            ]
        )
    }

    @Test("count a failure under its reason", arguments: GatewayError.allCases)
    func countsFailures(error: GatewayError) {
        let series = "weir_gateway_errors_total{reason=\"\(error.reason)\"}"
        #expect(changes { $0.failed(error) } == [series: "1"])
    }

    @Test("count malformed messages under the reasons of their parsers")
    func countsMalformedMessages() {
        func series(_ reason: String) -> String {
            "weir_gateway_errors_total{reason=\"\(reason)\"}"
        }
        let seen = changes {
            // Two faults with one word are one series.
            $0.failed(HeadError.missingHost)
            $0.failed(HeadError.repeatedHost)
            $0.failed(BodyError.malformedTrailer)
        }
        #expect(seen == [series("bad_host"): "2", series("bad_trailer"): "1"])
    }

    @Test("count a client that hung up under its stage", arguments: ClientAbortStage.allCases)
    func countsAborts(stage: ClientAbortStage) {
        let series = "weir_client_aborts_total{stage=\"\(stage.labelValue)\"}"
        #expect(changes { $0.clientAborted(stage) } == [series: "1"])
    }

    @Test("count a retry under its reason", arguments: RetryReason.allCases)
    func countsRetries(reason: RetryReason) {
        let series = "weir_upstream_retries_total{reason=\"\(reason.labelValue)\"}"
        #expect(changes { $0.upstreamRetried(reason) } == [series: "1"])
    }
}
