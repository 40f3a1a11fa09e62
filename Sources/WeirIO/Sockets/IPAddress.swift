// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// An IPv4 or IPv6 address, without a port.
///
/// An IPv4 address that came in through an IPv6 socket (RFC 4291 §2.5.5.2) is an IPv4 address.
public struct IPAddress: Hashable, Sendable, CustomStringConvertible {
    /// Which of the two kinds it is.
    public enum Family: Sendable { case ipv4, ipv6 }

    /// The 128 bits as IPv6 has them, the first ones in `high`; IPv4 in its mapped form.
    let high: UInt64
    let low: UInt64

    private init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// The address that four or sixteen bytes in network order are; `nil` for any other count.
    public init?(networkOrder bytes: some Collection<UInt8>) {
        switch bytes.count {
        case 4: self.init(high: 0, low: 0xFFFF << 32 | Self.word(bytes))
        case 16: self.init(high: Self.word(bytes.prefix(8)), low: Self.word(bytes.dropFirst(8)))
        default: return nil
        }
    }

    private static func word(_ bytes: some Collection<UInt8>) -> UInt64 {
        bytes.reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// Reads the usual text of an address, as inet_pton(3) does; no brackets, no zone.
    ///
    /// - Parameter text: the whole text; anything but an address gives `nil`.
    public init?(_ text: String) {
        var ipv4 = in_addr()
        var ipv6 = in6_addr()
        // C would take what stands in front of a NUL.
        guard !text.utf8.contains(0) else { return nil }
        if unsafe inet_pton(AF_INET, text, &ipv4) == 1 {
            self.init(ipv4)
        } else if unsafe inet_pton(AF_INET6, text, &ipv6) == 1 {
            self.init(ipv6)
        } else {
            return nil
        }
    }

    init(_ address: in_addr) {
        self.init(high: 0, low: 0xFFFF << 32 | UInt64(UInt32(bigEndian: address.s_addr)))
    }

    init(_ address: in6_addr) {
        let words = unsafe unsafeBitCast(address, to: SIMD2<UInt64>.self)
        self.init(high: UInt64(bigEndian: words[0]), low: UInt64(bigEndian: words[1]))
    }

    /// Which of the two kinds it is.
    public var family: Family { high == 0 && low >> 32 == 0xFFFF ? .ipv4 : .ipv6 }

    /// Whether it is of this machine alone: 127.0.0.0/8 or ::1.
    public var isLoopback: Bool {
        family == .ipv4 ? low >> 24 & 0xFF == 127 : high == 0 && low == 1
    }

    /// The text that RFC 5952 recommends.
    public var description: String {
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        let capacity = socklen_t(text.count)
        switch family {
        case .ipv4:
            var address = in_addr(s_addr: UInt32(truncatingIfNeeded: low).bigEndian)
            _ = unsafe inet_ntop(AF_INET, &address, &text, capacity)
        case .ipv6:
            let words = SIMD2(high.bigEndian, low.bigEndian)
            var address = unsafe unsafeBitCast(words, to: in6_addr.self)
            _ = unsafe inet_ntop(AF_INET6, &address, &text, capacity)
        }
        let bytes = text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// A block of addresses (CIDR, RFC 4632 §3.1): those that share their first bits.
public struct IPNetwork: Hashable, Sendable, CustomStringConvertible {
    /// The address given, its last bits zero.
    public let address: IPAddress
    /// How many bits are shared: 0 to 32 for IPv4, 0 to 128 for IPv6.
    public let prefixLength: Int

    /// The block of an address; `nil` when the prefix is longer than the address, or bits behind
    /// it are set.
    public init?(_ address: IPAddress, prefixLength: Int) {
        guard 0...(address.family == .ipv4 ? 32 : 128) ~= prefixLength else { return nil }
        self.address = address
        self.prefixLength = prefixLength
        guard address.high & ~mask.high == 0, address.low & ~mask.low == 0 else { return nil }
    }

    /// Whether an address is in the block; IPv4 ones are only in blocks of IPv4.
    public func contains(_ other: IPAddress) -> Bool {
        other.family == address.family && other.high & mask.high == address.high
            && other.low & mask.low == address.low
    }

    /// The address alone where the block is one address, else with its prefix.
    public var description: String {
        sharedBits == 128 ? "\(address)" : "\(address)/\(prefixLength)"
    }

    private var sharedBits: Int { address.family == .ipv4 ? 96 + prefixLength : prefixLength }

    private var mask: (high: UInt64, low: UInt64) {
        // Smart shifts: all bits are gone when the count reaches 64.
        (~(UInt64.max >> min(sharedBits, 64)), ~(UInt64.max >> max(sharedBits - 64, 0)))
    }
}
