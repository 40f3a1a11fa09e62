// SPDX-License-Identifier: Apache-2.0

internal import WeirHTTP2
internal import WeirIO

/// What a client's connection has more of when it speaks HTTP/2.
struct HTTP2Connection: ~Copyable {
    /// How far the connection's end was announced at a drain.
    enum Farewell: BitwiseCopyable {
        case none
        /// There will be an end; requests on their way are still taken.
        case announced
        case said
    }

    var session: HTTP2Session
    let client: SlabIndex<ClientConnection>
    var farewell = Farewell.none
    /// Whether there are streams that are over, the last bytes of which wait for the client's socket.
    var hasUnsettledStreams = false
    /// Since when it has had no stream.
    var idleSince: UInt64
    /// When the request began to come that is coming or comes next.
    var headStartedAt: UInt64 = 0

    init(session: consuming HTTP2Session, client: SlabIndex<ClientConnection>, at now: UInt64) {
        self.session = session
        self.client = client
        idleSince = now
    }
}
