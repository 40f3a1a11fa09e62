// SPDX-License-Identifier: Apache-2.0

/// One series of a family: what tells it from the others, and what it holds now.
public struct Sample: Equatable, Sendable {
    /// What tells the series from others of its family; may be empty.
    public var labels: [Label]
    /// What it holds.
    public var value: SampleValue

    /// A series with the labels and value given.
    public init(labels: [Label] = [], value: SampleValue) {
        self.labels = labels
        self.value = value
    }
}
