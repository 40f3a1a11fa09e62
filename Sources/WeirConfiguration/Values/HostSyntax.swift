// SPDX-License-Identifier: Apache-2.0

/// What hosts look like, so that a slip is refused at start and not looked up in the DNS.
enum HostSyntax {
    /// Whether the text is a host name (RFC 1123 §2.1, with the underscores of compose files) or an
    /// IPv4 address.
    static func isNameOrIPv4(_ text: Substring) -> Bool {
        let labels = text.split(separator: ".", omittingEmptySubsequences: false)
        // A name cannot end in digits only, so 10.0.0.256 is a slip and no name (RFC 3696 §2).
        if let last = labels.last, last.utf8.allSatisfy(\.isDigit) { return isIPv4(text) }
        return text.utf8.count <= 253 && labels.allSatisfy(isLabel)
    }

    /// Whether the text is an IPv6 address without brackets (RFC 4291 §2.2), a zone allowed behind
    /// it.
    static func isIPv6(_ text: Substring) -> Bool {
        let parts = text.split(separator: "%", maxSplits: 1, omittingEmptySubsequences: false)
        if parts.count == 2, !isZone(parts[1]) { return false }
        let halves = parts[0].split(separator: "::", omittingEmptySubsequences: false)
        switch halves.count {
        case 1:
            return groupCount(halves[0]) == 8
        case 2:
            guard let front = groupCount(halves[0]), let back = groupCount(halves[1]) else {
                return false
            }
            // An address in dots comes last, and here it would be the front that ends in it.
            return front + back <= 7 && !halves[0].contains(".")
        default:
            return false
        }
    }

    /// Whether the text is four numbers from 0 to 255, without leading zeros, which may mean octal.
    private static func isIPv4(_ text: Substring) -> Bool {
        let numbers = text.split(separator: ".", omittingEmptySubsequences: false)
        return numbers.count == 4
            && numbers.allSatisfy { number in
                let byte = number.utf8.allSatisfy(\.isDigit) ? UInt8(number) : nil
                return byte.map(String.init) == String(number)
            }
    }

    private static func isLabel(_ text: Substring) -> Bool {
        let hyphen = UInt8(ascii: "-")
        return (1...63).contains(text.utf8.count)
            && text.utf8.first != hyphen && text.utf8.last != hyphen
            && text.utf8.allSatisfy { byte in
                byte.isLetter || byte.isDigit || byte == hyphen || byte == UInt8(ascii: "_")
            }
    }

    /// An interface, `eth0` or `eth0.100`; at most `IFNAMSIZ` with its NUL.
    private static func isZone(_ text: Substring) -> Bool {
        (1...15).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                byte.isLetter || byte.isDigit || "-_.".utf8.contains(byte)
            }
    }

    /// How many groups of 16 bits the text stands for; `nil` if one of them is malformed.
    private static func groupCount(_ text: Substring) -> Int? {
        guard !text.isEmpty else { return 0 }
        var groups = text.split(separator: ":", omittingEmptySubsequences: false)[...]
        var count = 0
        if let last = groups.last, last.contains(".") {
            guard isIPv4(last) else { return nil }
            groups.removeLast()
            count = 2
        }
        for group in groups {
            guard (1...4).contains(group.utf8.count), group.utf8.allSatisfy(\.isHexDigit) else {
                return nil
            }
        }
        return count + groups.count
    }
}
