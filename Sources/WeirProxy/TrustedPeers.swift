// SPDX-License-Identifier: Apache-2.0

internal import WeirHTTP
public import WeirIO

/// The peers whose word about those before it is believed.
public struct TrustedPeers: Equatable, Sendable {
    /// Some of them.
    public enum Kind: Equatable, Sendable {
        /// 127.0.0.0/8 and ::1.
        case loopback
        /// Whoever may connect to a unix socket of weir.
        case unix
        case network(IPNetwork)
    }

    /// Who is meant; nobody when it is empty.
    public let kinds: [Kind]

    /// All peers of any of these kinds.
    public init(_ kinds: [Kind]) {
        self.kinds = kinds
    }

    /// Whether a peer is one of them.
    ///
    /// - Parameter address: where it is; `nil` is the other end of a unix socket.
    /// - Returns: whether its word counts.
    func trust(in address: IPAddress?) -> ForwardingContext.Trust {
        let isTrusted = kinds.contains { kind in
            switch kind {
            case .loopback: address?.isLoopback ?? false
            case .unix: address == nil
            case .network(let network): address.map(network.contains) ?? false
            }
        }
        return isTrusted ? .trusted : .untrusted
    }
}
