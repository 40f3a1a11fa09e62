// SPDX-License-Identifier: Apache-2.0

/// Everything that one page of metrics is made of.
struct Scrape: Sendable {
    /// What the event loops counted.
    var loops: MetricsSnapshot
    /// What the last probe of upstream found.
    var upstream: UpstreamHealth
    /// What was seen of upstream from outside.
    var sight: UpstreamSight
    /// The process's own numbers, where the kernel tells them.
    var process: ProcessStatistics?
    /// Slots and queue; `nil` where the slots never have a bound.
    var gate: SlotGate.Occupancy?
    /// The version of weir.
    var version: String
    /// Series that could not be written to the page so far.
    ///
    /// They are missing from every page alike, so this does not grow from scrape to scrape.
    var skippedSeries: UInt64 = 0
}
