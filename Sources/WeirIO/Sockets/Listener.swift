// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc

/// A listening socket, non-blocking.
public struct Listener: ~Copyable, Sendable {
    /// What came of one accept.
    public enum Acceptance: ~Copyable {
        /// A connection, and who is at its other end.
        case connection(StreamSocket, from: SocketAddress)
        /// Nobody is waiting.
        case empty
        /// That one failed before it was accepted; try the next.
        case aborted
        /// No descriptor or memory is left: those waiting stay in the kernel's queue.
        case exhausted(SystemError)
    }

    /// Connections that may wait in the kernel; it takes the lesser of this and
    /// `net.core.somaxconn`.
    private static let backlog: Int32 = 4096

    /// The descriptor to register as a source.
    public let descriptor: Descriptor
    /// Where it listens really, with the port that was given for 0.
    public let endpoint: Endpoint

    /// Whether other listeners of this process have the same port.
    public enum PortSharing: Sendable {
        /// One listener has the port.
        case exclusive
        /// One listener a loop; the kernel spreads the connections (`SO_REUSEPORT`).
        case perLoop
    }

    /// Binds and listens.
    ///
    /// A socket file that nobody listens on any more is replaced.
    ///
    /// - Parameters:
    ///   - address: where.
    ///   - endpoint: the same as the operator wrote it.
    ///   - sharing: whether other listeners have the same port.
    /// - Throws: ``SystemError``, such as EADDRINUSE or EACCES.
    public init(
        _ address: SocketAddress,
        named endpoint: Endpoint,
        sharing: PortSharing
    ) throws(SystemError) {
        let number = try SystemError.check(weir_socket(address.familyNumber), "socket")
        let socket = Descriptor(owning: number)
        var storage = address.storage
        if case .unix(let path) = endpoint {
            Listener.removeAbandonedSocket(at: path, address)
        } else {
            _ = weir_set_option(number, SOL_SOCKET, SO_REUSEADDR, 1)
            if sharing == .perLoop {
                let result = weir_set_option(number, SOL_SOCKET, SO_REUSEPORT, 1)
                _ = try SystemError.check(result, "setsockopt")
            }
            // Accepted sockets inherit it: one call here instead of one a connection.
            _ = weir_set_option(number, Int32(IPPROTO_TCP), TCP_NODELAY, 1)
        }
        let bound = unsafe weir_bind(number, &storage, address.length)
        _ = try SystemError.check(bound, "bind")
        _ = try SystemError.check(weir_listen(number, Listener.backlog), "listen")
        descriptor = socket
        self.endpoint = Listener.bound(endpoint, number)
    }

    /// The endpoint with the port that the kernel chose for 0.
    private static func bound(_ endpoint: Endpoint, _ number: Int32) -> Endpoint {
        guard case .tcp(let host, _) = endpoint else { return endpoint }
        var local = SocketAddress()
        local.length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        _ = unsafe weir_local_address(number, &local.storage, &local.length)
        return .tcp(host: host, port: local.port)
    }

    /// Removes a socket file whose listener is gone: it would make bind(2) fail for ever.
    private static func removeAbandonedSocket(at path: String, _ address: SocketAddress) {
        guard let socket = try? StreamSocket(for: address) else { return }
        if socket.connect(to: address) == .failed(.connectionRefused) { _ = unsafe unlink(path) }
    }

    /// Ends listening at once, whoever else holds the socket; connections that wait in the kernel
    /// are reset.
    public func stop() { _ = weir_shutdown_both(descriptor.rawValue) }

    /// Takes the next waiting connection.
    public func accept() -> Acceptance {
        var address = SocketAddress()
        let number = unsafe weir_accept(descriptor.rawValue, &address.storage, &address.length)
        if number >= 0 { return .connection(StreamSocket(owning: number), from: address) }
        switch -number {
        case EAGAIN: return .empty
        case EMFILE, ENFILE, ENOBUFS, ENOMEM:
            return .exhausted(SystemError("accept4", code: -number))
        // accept(2) hands on errors of the connection itself: it is gone, the next one may be fine.
        default: return .aborted
        }
    }
}
