// SPDX-License-Identifier: Apache-2.0

internal import WeirIO
internal import WeirProxy

/// An address that is allowed by itself, and not beside the others.
struct AddressConflict: Equatable {
    /// Whose value it is.
    let option: ServeOption
    /// The address that is in the way.
    let address: Endpoint
    /// What to give instead.
    let allowed: String
}

extension ProxySettings {
    /// The first address that would make weir share a socket with itself, or call itself.
    ///
    /// The kernel would not complain: listeners have `SO_REUSEPORT`, so a scrape would now and then
    /// reach the app, and a request sent to weir's own port would go round for ever.
    var conflict: AddressConflict? {
        for (index, listener) in listeners.enumerated()
        where !listener.isEphemeral && listeners[..<index].contains(listener) {
            return AddressConflict(
                option: .listen,
                address: listener,
                allowed: "each address once"
            )
        }
        if !metricsListener.isEphemeral, listeners.contains(metricsListener) {
            return AddressConflict(
                option: .metrics,
                address: metricsListener,
                allowed: "an address of its own, --listen has this one"
            )
        }
        if (listeners + [metricsListener]).contains(where: upstream.isReached(through:)) {
            return AddressConflict(
                option: .upstream,
                address: upstream,
                allowed: "the address of gunicorn, weir itself listens on this one"
            )
        }
        return nil
    }
}

extension Endpoint {
    /// Whether the kernel picks the port.
    fileprivate var isEphemeral: Bool {
        switch self {
        case .tcp(_, let port): port == 0
        case .unix: false
        }
    }

    /// Whether a connection to this address ends at that listener, as far as the text tells.
    fileprivate func isReached(through listener: Endpoint) -> Bool {
        switch (self, listener) {
        case (.unix(let path), .unix(let other)):
            path == other
        case (.tcp(let host, let port), .tcp(let other, let otherPort)):
            port == otherPort
                && (host == other || Self.wildcards.contains(other) && Self.isThisMachine(host))
        case (.unix, .tcp), (.tcp, .unix):
            false
        }
    }

    private static let wildcards = ["0.0.0.0", "::"]

    private static func isThisMachine(_ host: String) -> Bool {
        host == "localhost" || host == "::1" || host.hasPrefix("127.") || wildcards.contains(host)
    }
}
