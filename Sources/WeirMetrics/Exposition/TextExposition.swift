// SPDX-License-Identifier: Apache-2.0

/// A page in the Prometheus text format 0.0.4, built up family by family.
///
/// What Prometheus would not accept is left out and counted, so that one bad series costs nobody
/// the rest of the page: invalid or reserved names, a name or a label set that is there already,
/// and a value that does not fit the type of its family.
public struct TextExposition: Sendable {
    /// The media type of the page, for `Content-Type`.
    public static var contentType: String { "text/plain; version=0.0.4; charset=utf-8" }

    /// The page so far, in UTF-8.
    public private(set) var bytes: [UInt8] = []
    /// Series that were left out so far.
    public private(set) var skippedSeries = 0

    private var namesTaken: Set<String> = []

    /// An empty page.
    public init() {}

    /// Writes `family` at the end of the page.
    public mutating func append(_ family: MetricFamily) {
        let names = family.seriesNames
        guard ExpositionName.isValid(metric: family.name), namesTaken.isDisjoint(with: names) else {
            skippedSeries += family.samples.count
            return
        }
        namesTaken.formUnion(names)
        appendHeader(of: family)
        var labelsTaken: Set<[Label]> = []
        for sample in family.samples {
            let key = sample.labels.sorted { $0.name < $1.name }
            if family.accepts(sample), labelsTaken.insert(key).inserted {
                append(sample, of: family)
            } else {
                skippedSeries += 1
            }
        }
    }

    private mutating func appendHeader(of family: MetricFamily) {
        bytes.append(contentsOf: "# HELP \(family.name) ".utf8)
        append(escaped: family.help, quotes: .plain)
        bytes.append(contentsOf: "\n# TYPE \(family.name) \(family.type.rawValue)\n".utf8)
    }

    private mutating func append(_ sample: Sample, of family: MetricFamily) {
        let name = family.name
        switch sample.value {
        case .count(let count):
            appendLine(name, sample.labels, value: count.description)
        case .level(let level):
            appendLine(name, sample.labels, value: level.description)
        case .number(let number):
            appendLine(name, sample.labels, value: ExpositionNumber.text(of: number))
        case .histogram(let histogram):
            append(histogram, labels: sample.labels, name: name)
        case .summary(let summary, let quantiles):
            append(summary, quantiles: quantiles, labels: sample.labels, name: name)
        }
    }

    private mutating func append(_ histogram: HistogramSnapshot, labels: [Label], name: String) {
        let bounds = histogram.boundNanoseconds.map { ExpositionNumber.text(ofSeconds: $0) }
        var cumulative: UInt64 = 0
        for (bound, count) in zip(bounds + ["+Inf"], histogram.counts) {
            cumulative &+= count
            appendLine(
                name + "_bucket",
                labels + [Label(name: "le", value: bound)],
                value: cumulative.description
            )
        }
        let sum = ExpositionNumber.text(ofSeconds: histogram.sumNanoseconds)
        appendLine(name + "_sum", labels, value: sum)
        appendLine(name + "_count", labels, value: cumulative.description)
    }

    private mutating func append(
        _ summary: SummarySnapshot,
        quantiles: [Double],
        labels: [Label],
        name: String
    ) {
        for quantile in quantiles {
            let label = Label(name: "quantile", value: ExpositionNumber.text(of: quantile))
            let seconds = summary.seconds(atQuantile: quantile)
            appendLine(name, labels + [label], value: ExpositionNumber.text(of: seconds))
        }
        let sum = ExpositionNumber.text(ofSeconds: summary.sumNanoseconds)
        appendLine(name + "_sum", labels, value: sum)
        appendLine(name + "_count", labels, value: summary.count.description)
    }

    private mutating func appendLine(_ name: String, _ labels: [Label], value: String) {
        bytes.append(contentsOf: name.utf8)
        var separator = UInt8(ascii: "{")
        for label in labels {
            bytes.append(separator)
            bytes.append(contentsOf: label.name.utf8)
            bytes.append(contentsOf: "=\"".utf8)
            append(escaped: label.value, quotes: .escaped)
            bytes.append(UInt8(ascii: "\""))
            separator = UInt8(ascii: ",")
        }
        if !labels.isEmpty {
            bytes.append(UInt8(ascii: "}"))
        }
        bytes.append(UInt8(ascii: " "))
        bytes.append(contentsOf: value.utf8)
        bytes.append(UInt8(ascii: "\n"))
    }

    /// Whether `"` needs a backslash: in a label value, not in a help text.
    private enum Quotes { case plain, escaped }

    private mutating func append(escaped text: String, quotes: Quotes) {
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\\"):
                bytes.append(contentsOf: "\\\\".utf8)
            case UInt8(ascii: "\n"):
                bytes.append(contentsOf: "\\n".utf8)
            case UInt8(ascii: "\"") where quotes == .escaped:
                bytes.append(contentsOf: "\\\"".utf8)
            default:
                bytes.append(byte)
            }
        }
    }
}
