// SPDX-License-Identifier: Apache-2.0

/// The grammar of `uri-host [ ":" port ]` (RFC 9110 §7.2, RFC 3986 §3.2).
enum HostSyntax {
    /// A registered name is at most 255 bytes (RFC 3986 §3.2.2), a port adds six.
    static var bytesMax: Int { 261 }

    /// The digits of the port of a valid host in a message; nil when it has none.
    ///
    /// In a host that is valid the last colon, unless a bracket closes behind it, is the port's:
    /// it is looked for in the last eight bytes at once.
    @inline(always)
    static func port(_ bytes: RawSpan, _ host: Range<Int>) -> Range<Int>? {
        guard host.upperBound >= 8 else { return nil }
        let last = bytes.eightBytes(at: host.upperBound &- 8)
        let ones: UInt64 = 0x0101_0101_0101_0101
        let others = last ^ (ones &* UInt64(UInt8(ascii: ":")))
        // The highest lane that is zero, or a `;` to which a borrow from a colon below it carries.
        let zeros = (others &- ones) & ~others & (ones &* 0x80)
        let count = zeros.leadingZeroBitCount &>> 3
        let start = host.upperBound &- count
        guard 1...5 ~= count, start > host.lowerBound, last &>> 56 != UInt64(UInt8(ascii: "]")),
            bytes.byte(at: start &- 1) == UInt8(ascii: ":")
        else { return nil }
        return start..<host.upperBound
    }

    /// Whether the bytes of `range` are a host that is not empty, with a port or without.
    @inline(__always)
    static func isValid(_ bytes: RawSpan, _ range: Range<Int>) -> Bool {
        guard !range.isEmpty, range.count <= bytesMax else { return false }
        let blocks = Blocks(bytes.extracting(first: range.upperBound))
        let plain = blocks.scan(from: range.lowerBound, Stops.outsideHost)
        if plain == range.upperBound { return true }
        if plain > range.lowerBound, isPlainPort(blocks, from: plain) { return true }
        return isValidRare(bytes, range, plain: plain)
    }

    /// Whether a colon and one to five digits that make at most 65,535 are all that follows;
    /// false as well where it takes a closer look to tell.
    @inline(always)
    private static func isPlainPort(_ blocks: Blocks, from colon: Int) -> Bool {
        let count = blocks.bytes.byteCount &- colon &- 1
        guard 1...5 ~= count, let last = blocks.eightBytes(at: colon &+ count &- 7) else {
            return false
        }
        // The colon and the digits, the colon lowest.
        let surplusBits = UInt64(truncatingIfNeeded: 56 &- 8 &* count)
        let zeros = (UInt64(ascii: ":0000000") &<< surplusBits) &>> surplusBits
        let digits = (last &>> surplusBits) ^ zeros
        guard digits & 0xFF == 0,
            (digits | (digits &+ 0x0606_0606_0606_0600)) & 0xF0F0_F0F0_F0F0_F000 == 0
        else { return false }
        // With the first digit highest, five digits compare like their number.
        return count < 5 || digits.byteSwapped &>> 16 <= 0x00_0605_0503_05
    }

    /// The rest, from `plain` on, where letters, digits, `-` and `.` end.
    @inline(never)
    private static func isValidRare(_ bytes: RawSpan, _ range: Range<Int>, plain: Int) -> Bool {
        if plain > range.lowerBound, bytes.byte(at: plain) == UInt8(ascii: ":") {
            return isPort(bytes, plain..<range.upperBound)
        }
        let hostEnd =
            bytes.byte(at: range.lowerBound) == UInt8(ascii: "[")
            ? endOfLiteral(bytes, range)
            : endOfName(bytes, plain..<range.upperBound)
        guard let hostEnd, hostEnd > range.lowerBound else { return false }
        return isPort(bytes, hostEnd..<range.upperBound)
    }

    /// `reg-name` up to a colon or the end; nil when a byte or an escape is not one of a name.
    private static func endOfName(_ bytes: RawSpan, _ range: Range<Int>) -> Int? {
        var position = range.lowerBound
        while position < range.upperBound {
            let byte = bytes.byte(at: position)
            if byte == UInt8(ascii: ":") { break }
            if byte == UInt8(ascii: "%") {
                guard range.upperBound - position > 2,
                    ByteClass.hexDigit(bytes.byte(at: position + 1)) != nil,
                    ByteClass.hexDigit(bytes.byte(at: position + 2)) != nil
                else { return nil }
                position += 2
            } else if !ByteClass.isRegisteredName(byte) {
                return nil
            }
            position += 1
        }
        return position
    }

    /// Nothing, or a colon and up to five digits that make at most 65,535.
    ///
    /// The grammar has no bound for leading zeros, but parsers do, each its own.
    private static func isPort(_ bytes: RawSpan, _ range: Range<Int>) -> Bool {
        guard !range.isEmpty else { return true }
        guard range.count <= 6, bytes.byte(at: range.lowerBound) == UInt8(ascii: ":") else {
            return false
        }
        var port = 0
        var offset = range.lowerBound &+ 1
        while offset < range.upperBound {
            let byte = bytes.byte(at: offset)
            guard ByteClass.isDigit(byte) else { return false }
            port = port &* 10 &+ Int(byte &- 0x30)
            guard port <= 65_535 else { return false }
            offset &+= 1
        }
        return true
    }

    /// The offset behind `[IPv6address]`; `IPvFuture` has no version assigned and is refused.
    private static func endOfLiteral(_ bytes: RawSpan, _ range: Range<Int>) -> Int? {
        for offset in range where bytes.byte(at: offset) == UInt8(ascii: "]") {
            return isIPv6(bytes, (range.lowerBound + 1)..<offset) ? offset + 1 : nil
        }
        return nil
    }

    /// Eight groups of up to four hex digits, `::` at most once for one group or more of zeros,
    /// an IPv4 address at the end for the last two groups (RFC 3986 §3.2.2).
    private static func isIPv6(_ bytes: RawSpan, _ range: Range<Int>) -> Bool {
        var groups = 0
        var isElided = false
        var position = range.lowerBound
        if startsWithColons(bytes, position, to: range.upperBound) {
            isElided = true
            position += 2
        }
        while position < range.upperBound {
            let groupStart = position
            while position < range.upperBound, ByteClass.hexDigit(bytes.byte(at: position)) != nil {
                position += 1
            }
            if position < range.upperBound, bytes.byte(at: position) == UInt8(ascii: ".") {
                groups += 2
                guard isIPv4(bytes, groupStart..<range.upperBound) else { return false }
                break
            }
            guard 1...4 ~= position - groupStart else { return false }
            groups += 1
            if position == range.upperBound { break }
            guard bytes.byte(at: position) == UInt8(ascii: ":") else { return false }
            if startsWithColons(bytes, position, to: range.upperBound) {
                guard !isElided else { return false }
                isElided = true
                position += 2
            } else {
                position += 1
                guard position < range.upperBound else { return false }
            }
        }
        return isElided ? groups < 8 : groups == 8
    }

    private static func startsWithColons(_ bytes: RawSpan, _ position: Int, to end: Int) -> Bool {
        position + 1 < end
            && bytes.byte(at: position) == UInt8(ascii: ":")
            && bytes.byte(at: position + 1) == UInt8(ascii: ":")
    }

    /// Four decimal octets without leading zeros.
    private static func isIPv4(_ bytes: RawSpan, _ range: Range<Int>) -> Bool {
        var octets = 0
        var position = range.lowerBound
        while true {
            let start = position
            var octet = 0
            while position < range.upperBound, ByteClass.isDigit(bytes.byte(at: position)) {
                octet = octet * 10 + Int(bytes.byte(at: position) &- 0x30)
                position += 1
                guard position - start <= 3 else { return false }
            }
            let digits = position - start
            guard digits > 0, octet <= 255 else { return false }
            guard digits == 1 || bytes.byte(at: start) != UInt8(ascii: "0") else { return false }
            octets += 1
            if position == range.upperBound { return octets == 4 }
            guard bytes.byte(at: position) == UInt8(ascii: ".") else { return false }
            position += 1
        }
    }
}
