// SPDX-License-Identifier: Apache-2.0

/// The names that the Prometheus text format allows.
public enum ExpositionName {
    /// Whether `name` may name a metric: `[a-zA-Z_:][a-zA-Z0-9_:]*`.
    public static func isValid(metric name: String) -> Bool {
        isWord(name) { $0 == UInt8(ascii: ":") }
    }

    /// Whether `name` may name a label: `[a-zA-Z_][a-zA-Z0-9_]*`, and no `__` in front, which
    /// Prometheus keeps for itself.
    public static func isValid(label name: String) -> Bool {
        !name.hasPrefix("__") && isWord(name) { _ in false }
    }

    private static func isWord(_ name: String, or isExtra: (UInt8) -> Bool) -> Bool {
        guard let first = name.utf8.first, !isDigit(first) else { return false }
        return name.utf8.allSatisfy { byte in
            isLetter(byte) || isDigit(byte) || byte == UInt8(ascii: "_") || isExtra(byte)
        }
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
}
