// SPDX-License-Identifier: Apache-2.0

import WeirMetrics

/// A counter for each value of a closed label; one writer, any readers.
struct LabelledCounters<Value: LabelValue>: ~Copyable, Sendable {
    /// The most values that a closed label may have.
    static var valueCountMax: Int { 64 }

    private let cells: [64 of Counter]

    /// A counter at zero for each value.
    init() {
        cells = InlineArray { _ in Counter() }
    }

    /// Counts one more `value`; for the writing thread only.
    func increment(_ value: Value) {
        cells[Int(value.rawValue)].increment()
    }

    /// How many of `value` were counted.
    func count(of value: Value) -> UInt64 {
        cells[Int(value.rawValue)].value
    }
}
