// SPDX-License-Identifier: Apache-2.0

import WeirMetrics

/// The page that Prometheus scrapes.
struct ProxyMetrics: Sendable {
    /// One status of each class, present before it was ever sent.
    static var initialStatuses: [UInt16] { [200, 302, 404, 500] }

    private let prefix: String
    private let version: String

    /// A page of weir's `version`, with `prefix` before the names of the compatible families.
    ///
    /// - Parameters:
    ///   - prefix: stands in the place of `flask`.
    ///   - version: what is running.
    init(prefix: String, version: String) {
        self.prefix = prefix
        self.version = version
    }

    /// The page in the Prometheus text format, see ``TextExposition/contentType``.
    ///
    /// - Parameters:
    ///   - loops: what the event loops count; they go on while they are read.
    ///   - upstream: what the last probe found.
    ///   - sight: what was seen of upstream from outside.
    ///   - gate: slots and queue; `nil` where the slots never have a bound.
    ///   - process: the process's own numbers; `nil`, when the kernel does not tell them, leaves
    ///     the `process_*` families without series.
    ///   - now: the time, on the clock that the loops' metrics were made with.
    /// - Returns: the page, in UTF-8.
    func exposition(
        of loops: [LoopMetrics],
        upstream: UpstreamHealth,
        sight: UpstreamSight,
        gate: SlotGate.Occupancy?,
        process: ProcessStatistics?,
        now: UInt64
    ) -> [UInt8] {
        var scrape = Scrape(
            loops: MetricsSnapshot(of: loops, now: now),
            upstream: upstream,
            sight: sight,
            process: process,
            gate: gate,
            version: version
        )
        var page = TextExposition()
        for metric in Metric.allCases {
            scrape.skippedSeries = UInt64(page.skippedSeries)
            page.append(
                MetricFamily(
                    name: metric.name(prefix: prefix),
                    type: metric.type,
                    help: metric.help,
                    samples: metric.samples(of: scrape)
                )
            )
        }
        return page.bytes
    }
}
