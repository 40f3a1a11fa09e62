// SPDX-License-Identifier: Apache-2.0

/// The type of a metric family, as the Prometheus text format names it.
public enum MetricType: String, Sendable {
    case counter, gauge, histogram, summary, untyped
}
