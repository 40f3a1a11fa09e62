// SPDX-License-Identifier: Apache-2.0

extension ValueFormat<Duration> {
    /// A length of time in whole milliseconds; a bare number is seconds, as nginx and gunicorn have
    /// it.
    static func duration(_ range: ClosedRange<Duration>) -> Self {
        let bounds = "\(range.lowerBound.optionText) to \(range.upperBound.optionText)"
        return ValueFormat(
            valueName: "duration",
            bounds: bounds,
            allowed: "a duration from \(bounds), such as 500ms, 30s, 1.5m or 1h",
            write: \.optionText,
            match: { text in
                guard let duration = Duration(optionText: text) else { return nil }
                return range.contains(duration) ? duration : nil
            }
        )
    }
}

extension Duration {
    /// Reads whole milliseconds; `nil` for anything else.
    fileprivate init?(optionText text: String) {
        guard let quantity = Quantity(text) else { return nil }
        let scale: UInt64
        switch quantity.unit {
        case "ms": scale = 1
        case "s", "": scale = 1000
        case "m": scale = 60_000
        case "h": scale = 3_600_000
        default: return nil
        }
        guard let count = quantity.counted(by: scale), let milliseconds = Int64(exactly: count)
        else { return nil }
        self = .milliseconds(milliseconds)
    }

    /// Hours if whole, else seconds if whole, else milliseconds.
    fileprivate var optionText: String {
        let (seconds, attoseconds) = components
        if attoseconds != 0 { return "\(seconds * 1000 + attoseconds / 1_000_000_000_000_000)ms" }
        return seconds != 0 && seconds % 3600 == 0 ? "\(seconds / 3600)h" : "\(seconds)s"
    }
}
