// SPDX-License-Identifier: Apache-2.0

/// All series of one name, as a scrape shows them.
public struct MetricFamily: Equatable, Sendable {
    /// The name that the series share, unit and `_total` included.
    public var name: String
    /// What the series count.
    public var type: MetricType
    /// One sentence for the person who meets the name in Prometheus.
    public var help: String
    /// The series, in the order in which they are written.
    public var samples: [Sample]

    /// A family with the series given.
    public init(name: String, type: MetricType, help: String, samples: [Sample]) {
        self.name = name
        self.type = type
        self.help = help
        self.samples = samples
    }
}
