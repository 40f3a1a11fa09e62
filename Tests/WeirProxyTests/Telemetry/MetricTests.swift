// SPDX-License-Identifier: Apache-2.0

import Testing
import WeirMetrics

@testable import WeirProxy

@Suite("Metric declarations")
struct MetricTests {
    @Test("have a help sentence each", arguments: Metric.allCases)
    func hasHelp(metric: Metric) {
        #expect(metric.help.hasSuffix("."))
        #expect(!metric.help.contains("\n"))
    }

    @Test("name a counter with _total, and nothing else so", arguments: Metric.allCases)
    func namesCounters(metric: Metric) {
        #expect(metric.rawValue.hasSuffix("_total") == (metric.type == .counter))
    }
}
