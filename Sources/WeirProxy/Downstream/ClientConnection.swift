// SPDX-License-Identifier: Apache-2.0

internal import WeirHTTP
internal import WeirHTTP2
internal import WeirIO

/// What an exchange answers to: a connection that a client opened, or one stream of such a
/// connection where it speaks HTTP/2.
///
/// A stream has no socket; its bytes go through the session of its connection. A connection holds no
/// buffer while it is idle: what a client sends goes through the loop's own, and is kept here only as
/// long as the other side does not take it.
struct ClientConnection: ~Copyable {
    /// What the connection is doing.
    enum Phase: BitwiseCopyable {
        /// The PROXY header has not come, or not all of it.
        case awaitingProxyHeader
        /// Nothing of the next request has come.
        case awaitingRequest
        /// The head of a request has begun to come.
        case readingHead
        /// A request is being served.
        case exchanging
        /// The connection speaks HTTP/2: its streams are served.
        case multiplexing
        /// Only what is left of an answer is still to be sent.
        case closing
        /// Everything is sent; what the client still sends is thrown away until it has seen the
        /// answer (RFC 9112 §9.6): closing at once would reset the connection, and the answer with
        /// it.
        case lingering
        /// Closed; the record is about to be reclaimed.
        case closed
    }

    /// How the connection ends once its output is sent.
    enum Ending: BitwiseCopyable {
        /// With FIN: what was sent is whole.
        case finish
        /// With FIN, once the client has seen the answer to what it is still sending.
        case linger
        /// With RST: what was sent is not whole, and nothing else would tell the client.
        case reset
    }

    /// Closed from the start for a stream.
    var socket: StreamSocket
    /// The session of a connection that speaks HTTP/2, and of each of its streams.
    var session = SlabIndex<HTTP2Connection>.none
    /// Which stream this is, if it is one.
    var stream = StreamHandle.none
    /// Whether the head of a stream's response was sent.
    var hasResponded = false
    /// How many bytes a stream's client has sent that it was not told to have been taken.
    var unconsumed: UInt32 = 0
    /// Which protocol a connection speaks; `nil` until something of it has come.
    var spoken: ConnectionProtocol?
    /// The client's IP address, of the socket or of the PROXY header; empty on a unix socket.
    var address: AddressText
    var trust: ForwardingContext.Trust
    /// The client's port; 0 on a unix socket.
    var port: UInt16
    /// The port that the client connected to; 0 on a unix socket.
    var localPort: UInt16
    var phase: Phase
    var ending = Ending.finish
    /// Whether the kernel may have bytes that were not read yet: edges are reported once.
    var isReadable = false
    /// Whether the client has finished sending.
    var hasFinished = false
    /// Whether it stands in the loop's queue of connections to be resumed.
    var isQueued = false
    var nextQueued = SlabIndex<ClientConnection>.none
    var previousQueued = SlabIndex<ClientConnection>.none
    /// The request in service, if any.
    var exchange = SlabIndex<Exchange>.none
    /// Received and not consumed: part of a head, or requests that came early (pipelining).
    var input = BufferRange.none
    /// Not yet taken by the client's socket.
    var output = Spool()
    /// When the client last took some of it, or it began.
    var outputTakenAt: UInt64 = 0
    /// When the first byte of the request came, t0; before that when the connection was accepted.
    var requestStartedAt: UInt64

    /// Whether it is one stream of a connection.
    @inline(__always) var isStream: Bool { stream != .none }
}
