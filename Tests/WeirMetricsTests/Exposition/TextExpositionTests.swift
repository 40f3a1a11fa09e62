// SPDX-License-Identifier: Apache-2.0

import Testing
import WeirMetrics

@Suite("Text exposition")
struct TextExpositionTests {
    private func page(_ families: MetricFamily...) -> (text: String, skippedSeries: Int) {
        var exposition = TextExposition()
        for family in families {
            exposition.append(family)
        }
        return (String(decoding: exposition.bytes, as: UTF8.self), exposition.skippedSeries)
    }

    private func gauge(_ name: String, _ samples: Sample...) -> MetricFamily {
        MetricFamily(name: name, type: .gauge, help: "Help.", samples: samples)
    }

    @Test("writes a small registry byte for byte")
    func golden() {
        let bounds = HistogramBounds(nanoseconds: [5_000_000, 1_000_000_000])
        let histogram = DurationHistogram()
        for nanoseconds: UInt64 in [5_000_000, 5_000_001, 2_000_000_000] {
            histogram.observe(nanoseconds, within: bounds)
        }
        let quantiles = SlidingQuantiles(now: 0)
        let get = Label(name: "method", value: "GET")
        let text = page(
            MetricFamily(
                name: "requests_total",
                type: .counter,
                help: "Requests.",
                samples: [
                    Sample(labels: [get, Label(name: "status", value: "200")], value: .count(7)),
                    Sample(labels: [get, Label(name: "status", value: "404")], value: .count(0)),
                ]
            ),
            MetricFamily(
                name: "duration_seconds",
                type: .histogram,
                help: "Time.",
                samples: [
                    Sample(
                        labels: [get],
                        value: .histogram(histogram.snapshot(within: bounds))
                    )
                ]
            ),
            MetricFamily(
                name: "app_seconds",
                type: .summary,
                help: "App.",
                samples: [
                    Sample(value: .summary(quantiles.snapshot(now: 0), quantiles: [0.5, 0.99]))
                ]
            ),
            gauge("level", Sample(value: .level(-3)))
        ).text
        #expect(
            text == """
                # HELP requests_total Requests.
                # TYPE requests_total counter
                requests_total{method="GET",status="200"} 7
                requests_total{method="GET",status="404"} 0
                # HELP duration_seconds Time.
                # TYPE duration_seconds histogram
                duration_seconds_bucket{method="GET",le="0.005"} 1
                duration_seconds_bucket{method="GET",le="1"} 2
                duration_seconds_bucket{method="GET",le="+Inf"} 3
                duration_seconds_sum{method="GET"} 2.010000001
                duration_seconds_count{method="GET"} 3
                # HELP app_seconds App.
                # TYPE app_seconds summary
                app_seconds{quantile="0.5"} NaN
                app_seconds{quantile="0.99"} NaN
                app_seconds_sum 0
                app_seconds_count 0
                # HELP level Help.
                # TYPE level gauge
                level -3

                """
        )
    }

    @Test(
        "escapes label values",
        arguments: [
            (#"C:\temp"#, #"C:\\temp"#),
            ("two\nlines", #"two\nlines"#),
            (#"say "hi""#, #"say \"hi\""#),
            ("größe €", "größe €"),
            ("", ""),
        ]
    )
    func escapesLabels(value: String, written: String) {
        let sample = Sample(labels: [Label(name: "a", value: value)], value: .level(1))
        #expect(page(gauge("m", sample)).text.hasSuffix("\nm{a=\"\(written)\"} 1\n"))
    }

    @Test("escapes backslash and newline in help, and leaves quotes alone")
    func escapesHelp() {
        let family = MetricFamily(
            name: "m",
            type: .untyped,
            help: "a \\ b\n\"c\"",
            samples: []
        )
        #expect(page(family).text == "# HELP m a \\\\ b\\n\"c\"\n# TYPE m untyped\n")
    }

    @Test(
        "writes numbers as briefly as they read back",
        arguments: [
            (0, "0"), (-0.0, "0"), (1, "1"), (-2, "-2"), (0.005, "0.005"), (2.5, "2.5"),
            (0.1 + 0.2, "0.30000000000000004"), (1e-7, "1e-07"), (0x1p53, "9007199254740992"),
            (1e300, "1e+300"), (.nan, "NaN"), (.infinity, "+Inf"), (-.infinity, "-Inf"),
        ] as [(Double, String)]
    )
    func writesNumbers(number: Double, written: String) {
        #expect(page(gauge("m", Sample(value: .number(number)))).text.hasSuffix("\nm \(written)\n"))
    }

    @Test("counts to the end of 64 bits")
    func writesGreatCounts() {
        let text = page(gauge("m", Sample(value: .count(.max)))).text
        #expect(text.hasSuffix("\nm 18446744073709551615\n"))
    }

    @Test(
        "leaves out a family that Prometheus would refuse, and nothing else",
        arguments: ["", "0day", "my-app", "größe", "with space", "twice", "new\nline"]
    )
    func skipsFamily(name: String) {
        let (text, skipped) = page(
            gauge("twice"),
            gauge(name, Sample(value: .level(1)), Sample(value: .level(2))),
            gauge("last", Sample(value: .level(3)))
        )
        #expect(skipped == 2)
        #expect(
            text == """
                # HELP twice Help.
                # TYPE twice gauge
                # HELP last Help.
                # TYPE last gauge
                last 3

                """
        )
    }

    @Test(
        "leaves out a series that Prometheus would refuse, and nothing else",
        arguments: [
            [Label(name: "", value: "a")],
            [Label(name: "0day", value: "a")],
            [Label(name: "a:b", value: "a")],
            [Label(name: "__name__", value: "a")],
            [Label(name: "a", value: "a"), Label(name: "a", value: "b")],
            [Label(name: "b", value: "2"), Label(name: "a", value: "1")],
        ]
    )
    func skipsSeries(labels: [Label]) {
        let first = [Label(name: "a", value: "1"), Label(name: "b", value: "2")]
        let (text, skipped) = page(
            gauge(
                "m",
                Sample(labels: first, value: .level(1)),
                Sample(labels: labels, value: .level(2)),
                Sample(value: .level(3))
            )
        )
        #expect(skipped == 1)
        #expect(text.hasSuffix("gauge\nm{a=\"1\",b=\"2\"} 1\nm 3\n"))
    }

    @Test("keeps le and quantile for itself where it writes them")
    func reservesLabels() {
        let bounds = HistogramBounds.standard()
        let histogram = SampleValue.histogram(DurationHistogram().snapshot(within: bounds))
        let summary = SampleValue.summary(SlidingQuantiles(now: 0).snapshot(now: 0), quantiles: [])
        let le = [Label(name: "le", value: "1")]
        let quantile = [Label(name: "quantile", value: "1")]
        let families = [
            MetricFamily(
                name: "h",
                type: .histogram,
                help: "",
                samples: [Sample(labels: le, value: histogram)]
            ),
            MetricFamily(
                name: "s",
                type: .summary,
                help: "",
                samples: [Sample(labels: quantile, value: summary)]
            ),
            gauge(
                "g",
                Sample(labels: le, value: .level(1)),
                Sample(labels: quantile, value: .level(2))
            ),
        ]
        #expect(families.map { page($0).skippedSeries } == [1, 1, 0])
    }

    @Test("leaves out a value that does not fit its family's type")
    func refusesUnfitValues() {
        let bounds = HistogramBounds.standard()
        let histogram = SampleValue.histogram(DurationHistogram().snapshot(within: bounds))
        let number = Sample(value: .number(1))
        let families = [
            MetricFamily(name: "a", type: .histogram, help: "", samples: [number]),
            MetricFamily(name: "b", type: .summary, help: "", samples: [number]),
            gauge("c", Sample(value: histogram)),
        ]
        #expect(families.map { page($0).skippedSeries } == [1, 1, 1])
    }

    @Test("keeps the names that a histogram writes from other families")
    func reservesSuffixes() {
        let histogram = MetricFamily(name: "h", type: .histogram, help: "", samples: [])
        #expect(page(histogram, gauge("h_sum", Sample(value: .level(1)))).skippedSeries == 1)
        #expect(page(gauge("h_count"), histogram).text.contains("histogram") == false)
    }
}
