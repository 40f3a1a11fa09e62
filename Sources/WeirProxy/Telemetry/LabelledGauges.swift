// SPDX-License-Identifier: Apache-2.0

import WeirMetrics

/// A gauge for each value of a closed label; one writer, any readers.
struct LabelledGauges<Value: LabelValue>: ~Copyable, Sendable {
    /// The most values that a closed label may have.
    static var valueCountMax: Int { 16 }

    private let cells: [16 of Gauge]

    /// A gauge at zero for each value.
    init() {
        cells = InlineArray { _ in Gauge() }
    }

    /// Counts one more of `value`; for the writing thread only.
    func increment(_ value: Value) {
        cells[Int(value.rawValue)].increment()
    }

    /// Counts one less of `value`; for the writing thread only.
    func decrement(_ value: Value) {
        cells[Int(value.rawValue)].decrement()
    }

    /// How many of `value` there are now.
    func level(of value: Value) -> Int64 {
        cells[Int(value.rawValue)].value
    }
}
