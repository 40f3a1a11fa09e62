// SPDX-License-Identifier: Apache-2.0

internal import WeirIO

/// A connection to the admin listener.
final class AdminConnection {
    /// What the connection is doing.
    enum Phase {
        case reading
        /// The answer depends on a probe of upstream; the connection that this makes was not there
        /// when upstream was looked at.
        case awaitingProbe(AdminRequest, UpstreamSight)
        /// Closes once everything is sent.
        case closing
    }

    var socket: StreamSocket
    /// Tells this connection's events from those of the one that had its place before.
    let generation: UInt32
    var phase = Phase.reading
    var input: [UInt8] = []
    var output: ArraySlice<UInt8> = []
    var hasFinished = false
    /// Whether everything was read that the kernel has reported.
    var isDrained = false

    /// Whether more may be read and answered without a new event.
    var canGoOn: Bool {
        if case .reading = phase { !isDrained && output.isEmpty } else { false }
    }

    init(socket: consuming StreamSocket, generation: UInt32) {
        self.socket = socket
        self.generation = generation
    }
}
