// SPDX-License-Identifier: Apache-2.0

/// What one series holds.
public enum SampleValue: Equatable, Sendable {
    /// Events counted since the start.
    case count(UInt64)
    /// A whole number that rises and falls.
    case level(Int64)
    /// Any other number, in the unit that the family's name ends with.
    case number(Double)
    /// Durations by bucket, written in seconds.
    case histogram(HistogramSnapshot)
    /// Durations by quantile, written in seconds for each of the `quantiles`.
    case summary(SummarySnapshot, quantiles: [Double])
}
