// SPDX-License-Identifier: Apache-2.0

internal import WeirCompression
internal import WeirHTTP
internal import WeirIO

/// One request and its response.
struct Exchange: BitwiseCopyable {
    /// How far the response has come.
    enum Stage: BitwiseCopyable {
        /// The request comes in, to be sent when it is whole.
        case collecting
        /// The request waits for a slot; nothing of it was sent.
        case queued
        /// Upstream has sent nothing, or only interim responses.
        case awaitingHead
        /// The head is on its way to the client.
        case relayingBody
        /// Upstream has sent everything, or weir has answered itself; the client may still be
        /// reading.
        case answered
        /// Protocols were switched: bytes go both ways until both sides have finished.
        case tunnelled
    }

    /// Its part of gunicorn.
    enum Slot: BitwiseCopyable {
        /// It has none, not yet or not any more.
        case none
        case awaited(SlotGate.Ticket)
        case held
    }

    /// Who says 100 to a client that waits for it before it sends the body.
    enum Continuation: BitwiseCopyable {
        /// Upstream may, and whatever it says goes on: the client does not wait.
        case unasked
        /// Upstream, unless it takes too long.
        case awaited
        /// weir has.
        case given
    }

    let client: SlabIndex<ClientConnection>
    var upstream = SlabIndex<UpstreamConnection>.none
    let method: Method
    let clientVersion: HTTPVersion
    /// Whether the client's connection is kept after the response.
    var fate: ConnectionFate
    var stage = Stage.awaitingHead
    /// The status sent to the client; 0 until its head is written.
    var status: UInt16 = 0
    /// The request body as the client sends it, and as it goes on.
    var requestBody: BodyReader
    /// Whether the client has sent the request to its end.
    var isRequestWhole: Bool
    let requestFraming: MessageFraming
    /// The response body as upstream sends it, and as it goes on.
    var responseBody = BodyReader(.none)
    var responseFraming = MessageFraming.none
    /// Whether the response may go on in gzip, as far as client and operator are concerned.
    var acceptsGzip = false
    /// Whether the client asks for what it may have in gzip already.
    var knowsWeakTag = false
    /// What compresses the response body, while that goes on.
    var deflater = SlabIndex<Deflater>.none
    /// Whether upstream keeps its connection after the response.
    var upstreamPersistence = ConnectionFate.close
    /// The whole request, while it may have to be sent once more.
    var replay = BufferRange.none
    /// The request's head as it goes on, without its end, while the body is collected.
    var head = BufferRange.none
    /// What has come of the request and was not sent, while it is collected or waits for a slot, and
    /// is not kept in ``replay``.
    var request = Spool()
    /// What has come of the trailer section of the request and of the response, where it may go on.
    var requestTrailers = BufferRange.none
    var responseTrailers = BufferRange.none
    var slot = Slot.none
    /// The id that weir has made for it, and the one that a trusted peer has given it, if any.
    let requestID: RequestID
    var keptID = BufferRange.none
    let errorFormat: ErrorFormat
    var continuation: Continuation
    /// The protocols that the client has offered to switch to.
    let offeredProtocols: ProtocolSet
    /// How many interim responses came.
    var interimCount: UInt8 = 0
    /// Which sides of a tunnel have finished, and were passed on as finished.
    var finishedSides: TunnelSides = []
    /// Request body bytes that came, against the limit.
    var requestBodyBytes: UInt64 = 0
    /// The clock of an exchange, in monotonic nanoseconds: first byte of the request (t0), ready to
    /// go (t1), slot granted (t2), first byte of the response (t4), last byte from upstream (t5; 0
    /// when the request never reached it).
    let startedAt: UInt64
    var readyAt: UInt64
    var grantedAt: UInt64
    var firstByteAt: UInt64 = 0
    var answeredAt: UInt64 = 0
    /// Since when upstream has refused connections for it; 0 while it has not.
    var refusedSince: UInt64 = 0
    /// How many of upstream's addresses were tried.
    var addressesTried = 0

    init(
        client: SlabIndex<ClientConnection>,
        head: borrowing RequestHead,
        bodyFraming: MessageFraming,
        requestID: RequestID,
        fate: ConnectionFate,
        startedAt: UInt64,
        readyAt: UInt64
    ) {
        self.client = client
        method = head.method
        clientVersion = head.version
        self.fate = fate
        requestBody = BodyReader(bodyFraming)
        isRequestWhole = requestBody.isFinished
        requestFraming = head.framing
        self.requestID = requestID
        errorFormat = head.acceptsProblems ? .problem : .text
        continuation = head.expectsContinue ? .awaited : .unasked
        offeredProtocols = head.offeredProtocols
        self.startedAt = startedAt
        self.readyAt = readyAt
        grantedAt = readyAt
    }
}
