// SPDX-License-Identifier: Apache-2.0

/// Numbers as the Prometheus text format writes them.
enum ExpositionNumber {
    /// The shortest text that reads back as `number`; whole numbers without a fraction.
    static func text(of number: Double) -> String {
        if number.isNaN { return "NaN" }
        if number.isInfinite { return number < 0 ? "-Inf" : "+Inf" }
        // Up to 2⁵³ every whole number is exact.
        if number.magnitude <= 0x1p53, let whole = Int64(exactly: number) {
            return whole.description
        }
        return number.description
    }

    /// A duration given in nanoseconds, in seconds.
    static func text(ofSeconds nanoseconds: UInt64) -> String {
        text(of: Double(nanoseconds) / 1e9)
    }
}
