// SPDX-License-Identifier: Apache-2.0

internal import WeirIO

/// A listening socket as one loop uses it.
struct ListeningPort: Sendable {
    /// The socket; on a unix path all loops share one, on a port each has its own.
    let listener: SharedListener
    let sharing: Poller.Sharing
}

/// A listening socket that several may hold; closed with the last one.
final class SharedListener: Sendable {
    let listener: Listener
    var descriptor: Int32 { listener.descriptor.rawValue }
    var endpoint: Endpoint { listener.endpoint }

    init(_ listener: consuming Listener) { self.listener = listener }
}
