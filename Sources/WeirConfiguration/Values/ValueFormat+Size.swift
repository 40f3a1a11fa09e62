// SPDX-License-Identifier: Apache-2.0

extension ValueFormat where Value: FixedWidthInteger & Sendable {
    /// A number of bytes; `k`, `m` and `g` stand for powers of 1024.
    static func size(_ range: ClosedRange<Value>) -> Self {
        let bounds = "\(text(for: range.lowerBound)) to \(text(for: range.upperBound))"
        return ValueFormat(
            valueName: "size",
            bounds: "\(bounds) bytes",
            allowed: "a size from \(bounds) bytes, such as 1000, 16k, 1.5m or 1g",
            write: text(for:),
            match: { text in
                guard let bytes = bytes(in: text), let size = Value(exactly: bytes) else {
                    return nil
                }
                return range.contains(size) ? size : nil
            }
        )
    }

    private static func bytes(in text: String) -> UInt64? {
        guard let quantity = Quantity(text) else { return nil }
        switch quantity.unit {
        case "": return quantity.counted(by: 1)
        case "k", "K": return quantity.counted(by: 1 << 10)
        case "m", "M": return quantity.counted(by: 1 << 20)
        case "g", "G": return quantity.counted(by: 1 << 30)
        default: return nil
        }
    }

    /// The largest unit of which the size is a whole number.
    private static func text(for size: Value) -> String {
        let zeros = size == 0 ? 0 : size.trailingZeroBitCount
        return switch zeros {
        case 30...: "\(size >> 30)g"
        case 20...: "\(size >> 20)m"
        case 10...: "\(size >> 10)k"
        default: "\(size)"
        }
    }
}
