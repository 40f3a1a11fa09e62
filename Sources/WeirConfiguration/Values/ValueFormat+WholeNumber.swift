// SPDX-License-Identifier: Apache-2.0

extension ValueFormat<Int> {
    /// A count, in plain digits.
    static func wholeNumber(_ range: ClosedRange<Int>) -> Self {
        let bounds = "\(range.lowerBound) to \(range.upperBound)"
        return ValueFormat(
            valueName: "number",
            bounds: bounds,
            allowed: "a whole number from \(bounds)",
            write: { String($0) },
            match: { text in
                // `Int` alone would take a sign as well.
                guard text.utf8.allSatisfy(\.isDigit), let number = Int(text) else { return nil }
                return range.contains(number) ? number : nil
            }
        )
    }
}
