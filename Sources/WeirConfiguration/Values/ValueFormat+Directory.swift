// SPDX-License-Identifier: Apache-2.0

extension ValueFormat<String> {
    private static var directoryBytesMax: Int { 1_024 }

    /// A directory; that it exists is found out when it is needed.
    static var directory: Self {
        ValueFormat(
            valueName: "path",
            allowed: "a directory by its whole path, such as /var/tmp, "
                + "up to \(directoryBytesMax) bytes "
                + "without control characters",
            write: { $0 },
            match: { text in
                let isPlain = text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F }
                let isLong = text.utf8.count > directoryBytesMax
                return isPlain && !isLong && text.hasPrefix("/") ? text : nil
            }
        )
    }
}
