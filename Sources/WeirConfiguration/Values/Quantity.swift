// SPDX-License-Identifier: Apache-2.0

/// A number with an optional unit behind it, as durations and sizes are written: `1.5s`, `32k`.
struct Quantity {
    /// More decimals than anybody writes, and few enough for 64 bits.
    private static let decimalsMax = 9

    private let whole: Substring
    private let decimals: Substring
    /// What follows the number; empty for a bare one.
    let unit: Substring

    /// Splits the text; `nil` unless it begins with digits, and has digits after a point.
    init?(_ text: String) {
        whole = text.prefix(while: \.isASCIIDigit)
        guard !whole.isEmpty else { return nil }
        let rest = text[whole.endIndex...]
        guard rest.first == "." else {
            (decimals, unit) = (rest.prefix(0), rest)
            return
        }
        decimals = rest.dropFirst().prefix(while: \.isASCIIDigit)
        unit = text[decimals.endIndex...]
        guard !decimals.isEmpty, decimals.count <= Self.decimalsMax else { return nil }
    }

    /// The quantity counted in a smaller unit, of which `scale` make one.
    ///
    /// - Parameter scale: at most 2³², so that the decimals fit.
    /// - Returns: `nil` if that is no whole number, or one above 64 bits.
    func counted(by scale: UInt64) -> UInt64? {
        guard let whole = UInt64(whole), let numerator = UInt64("0" + decimals) else { return nil }
        let denominator = decimals.reduce(UInt64(1)) { power, _ in power * 10 }
        let (count, remainder) = (numerator * scale).quotientAndRemainder(dividingBy: denominator)
        let (product, isTooLarge) = whole.multipliedReportingOverflow(by: scale)
        let (sum, isAboveMax) = product.addingReportingOverflow(count)
        return remainder == 0 && !isTooLarge && !isAboveMax ? sum : nil
    }
}

extension Character {
    /// Whether the character is one of `0` to `9`.
    fileprivate var isASCIIDigit: Bool { isASCII && isNumber }
}
