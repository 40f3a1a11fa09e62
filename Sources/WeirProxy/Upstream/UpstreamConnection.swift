// SPDX-License-Identifier: Apache-2.0

internal import WeirIO

/// A connection to gunicorn.
struct UpstreamConnection: ~Copyable {
    /// What the connection is doing.
    enum Phase: BitwiseCopyable {
        /// The listener's backlog is full, or nobody listens; waits to try again.
        case waiting
        /// On its way.
        case connecting
        /// Serves an exchange.
        case active
        /// Waits in the pool for the next one.
        case idle
        /// Closed; the record is about to be reclaimed.
        case closed
    }

    var socket: StreamSocket
    var phase = Phase.connecting
    /// What the kernel reports of it.
    var interest = Poller.Interest.nothing
    /// Whether the kernel may have bytes that were not read yet.
    var isReadable = false
    /// Whether upstream has finished sending.
    var hasFinished = false
    /// Whether upstream takes no more bytes; it may still answer.
    var hasStoppedReading = false
    /// Whether it has served an exchange before: it may have been closed meanwhile.
    var isReused = false
    /// The exchange in service, if any.
    var exchange = SlabIndex<Exchange>.none
    /// Its neighbours in the pool of idle connections.
    var nextIdle = SlabIndex<UpstreamConnection>.none
    var previousIdle = SlabIndex<UpstreamConnection>.none
    /// The part of a response head that has come.
    var input = BufferRange.none
    /// Not yet taken by upstream's socket.
    var output = Spool()
    /// When the attempt to connect began.
    var connectStartedAt: UInt64
    /// When it was put into the pool.
    var idleSince: UInt64 = 0

    init(socket: consuming StreamSocket, for exchange: SlabIndex<Exchange>, at now: UInt64) {
        self.socket = socket
        self.exchange = exchange
        connectStartedAt = now
    }
}
