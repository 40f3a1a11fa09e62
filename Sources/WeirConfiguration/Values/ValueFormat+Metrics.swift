// SPDX-License-Identifier: Apache-2.0

extension ValueFormat<String> {
    private static var pathBytesMax: Int { 255 }
    private static var prefixBytesMax: Int { 64 }

    /// The path of the metrics, in none of the places that the admin listener has for other things.
    static var metricsPath: Self {
        ValueFormat(
            valueName: "path",
            allowed: "a path such as /metrics, without query, not / and not under /-/, "
                + "up to \(pathBytesMax) visible ASCII characters",
            write: { $0 },
            match: { text in
                let isPath =
                    text.hasPrefix("/") && text != "/" && text != "/-" && !text.hasPrefix("/-/")
                let isPlain = text.utf8.allSatisfy { byte in
                    (0x21...0x7E).contains(byte) && byte != UInt8(ascii: "?")
                        && byte != UInt8(ascii: "#")
                }
                return isPath && isPlain && text.utf8.count <= pathBytesMax ? text : nil
            }
        )
    }

    /// How the compatible metrics begin; colons are left to recording rules.
    static var metricsPrefix: Self {
        ValueFormat(
            valueName: "name",
            allowed: "a name of letters, digits and _ that does not begin with a digit, "
                + "up to \(prefixBytesMax) characters",
            write: { $0 },
            match: { text in
                guard let first = text.utf8.first, !first.isDigit else { return nil }
                let isName = text.utf8.allSatisfy { byte in
                    byte.isLetter || byte.isDigit || byte == UInt8(ascii: "_")
                }
                return isName && text.utf8.count <= prefixBytesMax ? text : nil
            }
        )
    }
}
