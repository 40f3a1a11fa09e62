// SPDX-License-Identifier: Apache-2.0

extension MetricFamily {
    /// Every name that a series of the family is written under.
    var seriesNames: [String] {
        switch type {
        case .counter, .gauge, .untyped: [name]
        case .summary: [name, name + "_sum", name + "_count"]
        case .histogram: [name, name + "_bucket", name + "_sum", name + "_count"]
        }
    }

    /// Whether Prometheus would take `sample` for a series of the family.
    func accepts(_ sample: Sample) -> Bool {
        let names = sample.labels.map(\.name)
        return fits(sample.value)
            && names.allSatisfy { ExpositionName.isValid(label: $0) && $0 != reservedLabel }
            && Set(names).count == names.count
    }

    private func fits(_ value: SampleValue) -> Bool {
        switch (type, value) {
        case (.histogram, .histogram), (.summary, .summary): true
        case (.histogram, _), (.summary, _), (_, .histogram), (_, .summary): false
        case (.counter, _), (.gauge, _), (.untyped, _): true
        }
    }

    /// The label that the exposition itself adds to series of this type.
    private var reservedLabel: String? {
        switch type {
        case .histogram: "le"
        case .summary: "quantile"
        case .counter, .gauge, .untyped: nil
        }
    }
}
