// SPDX-License-Identifier: Apache-2.0

internal import WeirIO
internal import WeirProxy

extension ValueFormat<TrustedPeers> {
    /// Which peers are believed, in one list: networks, addresses, `loopback`, `unix`, or `none`.
    static var trustedPeers: Self {
        let elements = ValueFormat<TrustedPeers.Kind>.trustedKind.separatedByCommas
        return ValueFormat(
            list: elements,
            write: { $0.kinds.isEmpty ? "none" : elements.write($0.kinds) },
            read: { text throws(ValueRefusal) in
                guard text != "none" else { return TrustedPeers([]) }
                return TrustedPeers(try elements.read(text))
            }
        )
    }
}

extension ValueFormat<TrustedPeers.Kind> {
    fileprivate static var trustedKind: Self {
        ValueFormat(
            valueName: "peers",
            allowed: "none, or a list of networks such as 10.0.0.0/8 or fd00::/8 (no bits set "
                + "behind the prefix), addresses, loopback and unix",
            write: { kind in
                switch kind {
                case .loopback: "loopback"
                case .unix: "unix"
                case .network(let network): network.description
                }
            },
            match: { text in
                switch text {
                case "loopback": .loopback
                case "unix": .unix
                default: network(in: text).map(TrustedPeers.Kind.network)
                }
            }
        )
    }

    /// An address, or one with the length of the prefix behind a slash.
    private static func network(in text: String) -> IPNetwork? {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let address = IPAddress(String(parts[0])) else { return nil }
        guard parts.count == 2 else {
            return IPNetwork(address, prefixLength: address.family == .ipv4 ? 32 : 128)
        }
        guard parts[1].utf8.allSatisfy(\.isDigit), let length = Int(parts[1]) else { return nil }
        return IPNetwork(address, prefixLength: length)
    }
}
