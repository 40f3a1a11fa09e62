// SPDX-License-Identifier: Apache-2.0

internal import WeirHTTP
internal import WeirIO

extension ProxyLoop {
    /// Begins to serve the request whose head was just parsed.
    ///
    /// - Parameters:
    ///   - headBytes: where the head is.
    ///   - received: what follows it; loses what of it is the request's body.
    ///   - client: who asks.
    func startExchange(
        _ headBytes: BufferRange,
        _ received: inout BufferRange,
        of client: SlabIndex<ClientConnection>
    ) {
        let fate: ConnectionFate = stage == .draining ? .close : requestHead.value.persistence
        let framing = requestHead.value.framing
        let inserted = exchanges.insert(
            Exchange(
                client: client,
                head: requestHead.value,
                bodyFraming: bodyFraming(of: client),
                requestID: requestIDs.next(),
                fate: fate,
                startedAt: clients[client].requestStartedAt,
                readyAt: now
            )
        )
        guard let exchange = inserted else {
            refuse(client, .failure(.outOfBuffers))
            return
        }
        metrics.requestStarted(exchanges[exchange].method)
        clients[client].output.spilling = .allowed
        clients[client].phase = .exchanging
        clients[client].exchange = exchange
        if plan.gzipLevel != nil {
            buffers.read(headBytes) {
                exchanges[exchange].acceptsGzip = requestHead.value.acceptsGzip($0)
                exchanges[exchange].knowsWeakTag = requestHead.value.knowsWeakTag($0)
            }
        }
        if requestHead.value.namesRequestID { keepRequestID(headBytes, of: exchange) }
        if requestHead.value.maxForwards == 0 {
            answerFinally(headBytes, of: exchange)
            return
        }
        if case .counted(let count) = framing, count > plan.bodyBytesMax {
            fail(exchange, because: .bodyTooLarge)
            return
        }
        let headLength = headBytes.count - received.count
        guard let portion = takeRequestBody(&received, of: exchange) else { return }
        if isCollected(exchange) {
            beginCollecting(headBytes, headLength: headLength, portion, of: exchange)
            return
        }
        var head = BufferRange(outbox, 0..<0)
        let headSize = forwardedHeadSize(headLength)
        if portion.data.count <= Self.repeatedBodyMax,
            mayBeRepeated(exchange, size: headSize + portion.data.count),
            let own = buffers.take(headSize + Self.framedBytesMax(portion))
        {
            // Written into a buffer of its own, the request need not be copied to be kept.
            head = BufferRange(own, 0..<0)
        }
        writeHead(of: headBytes, into: &head, of: exchange, framing: framing)
        let (body, ending) = frame(&head, portion, as: framing)
        if head.buffer != outbox { exchanges[exchange].replay = head }
        switch admit(exchange) {
        case .admitted:
            guard let upstream = connection(for: exchange, reuse(for: exchange)) else { return }
            sendRequest(head, body, ending, on: upstream)
        case .queued: keepQueued(head, body, ending, of: exchange)
        case .refused: break
        }
        if exchanges.isLive(exchange) { armClient(client) }
    }

    /// How the body of the request at hand comes.
    private func bodyFraming(of client: SlabIndex<ClientConnection>) -> MessageFraming {
        guard clients[client].isStream else { return requestHead.value.framing }
        // Frames tell where it ends, whatever its length is said to be; a tunnel has none.
        let isOver = clients[client].hasFinished || !requestHead.value.offeredProtocols.isEmpty
        return isOver ? .none : .untilClose
    }

    /// How many bytes the head of the request at hand may have when it goes on.
    func forwardedHeadSize(_ headLength: Int) -> Int {
        let size = headLength + requestHead.value.forwardedOverheadBytes
        return plan.sendsProxyHeaders ? size + ProxyHeader.lineBytesMax : size
    }

    /// Writes the head as it goes on.
    ///
    /// - Parameters:
    ///   - received: the head as it came, and what follows it.
    ///   - head: where to.
    ///   - exchange: whose it is.
    ///   - framing: how the body goes on; `nil`, when that is not known yet, leaves off the end, and
    ///     weir gives the client its 100 itself.
    func writeHead(
        of received: BufferRange,
        into head: inout BufferRange,
        of exchange: SlabIndex<Exchange>,
        framing: MessageFraming?
    ) {
        let client = exchanges[exchange].client
        if plan.sendsProxyHeaders { writeProxyHeader(of: received, into: &head, of: client) }
        let expects = requestHead.value.expectsContinue && framing != nil
        let context = ForwardingContext(
            trust: clients[client].trust,
            clientAddress: clients[client].address,
            framing: framing,
            expectation: expects ? .forward : .withhold,
            offer: exchanges[exchange].offeredProtocols.isEmpty ? .withhold : .forward,
            identity: exchanges[exchange].keptID.isEmpty
                ? .made(exchanges[exchange].requestID) : .kept,
            startMicroseconds: (exchanges[exchange].startedAt &+ wallOffset) / 1_000
        )
        buffers.append(to: &head, reading: received) { bytes, output in
            requestHead.value.writeForwarded(from: bytes, into: &output, context: context)
        }
    }

    /// Takes over the id that a trusted peer has given a request, so that an answer of weir's own
    /// can carry it.
    private func keepRequestID(_ head: BufferRange, of exchange: SlabIndex<Exchange>) {
        guard clients[exchanges[exchange].client].trust == .trusted,
            let id = buffers.read(head, { requestHead.value.requestID($0) })
        else { return }
        exchanges[exchange].keptID = buffers.keep(head.extracting(id)) ?? .none
    }

    /// Answers a request that may be forwarded no further (RFC 9110 §7.6.2).
    private func answerFinally(_ headBytes: BufferRange, of exchange: SlabIndex<Exchange>) {
        if !exchanges[exchange].isRequestWhole { exchanges[exchange].fate = .close }
        let context = ResponseContext(
            framing: .none,
            fate: exchanges[exchange].fate,
            clientVersion: exchanges[exchange].clientVersion,
            date: date
        )
        var head = BufferRange(outbox, 0..<0)
        buffers.append(to: &head, reading: headBytes) { bytes, output in
            requestHead.value.writeFinalAnswer(from: bytes, into: &output, context: context)
        }
        exchanges[exchange].status = 200
        exchanges[exchange].stage = .answered
        sendResponse(head, .none, .none, to: exchanges[exchange].client)
        if exchanges.isLive(exchange) { finishWhenTaken(exchange) }
    }

    /// Takes what has come of a request's body, and counts it against the limit.
    ///
    /// - Parameters:
    ///   - received: loses what of it is the body.
    ///   - exchange: whose body it is.
    /// - Returns: the body's bytes; `nil` when they were refused, and the exchange has failed.
    private func takeRequestBody(
        _ received: inout BufferRange,
        of exchange: SlabIndex<Exchange>
    ) -> BodyPortion? {
        guard !exchanges[exchange].isRequestWhole else {
            var none = BodyPortion(rest: received)
            none.outcome = .finished
            return none
        }
        let portion = takeBody(&exchanges[exchange].requestBody, from: received)
        received = portion.rest
        if case .refused(let error) = portion.outcome {
            fail(exchange, with: .body(error))
            return nil
        }
        if case .finished = portion.outcome { exchanges[exchange].isRequestWhole = true }
        // Who sends does not wait for a 100 any more.
        if !portion.data.isEmpty, exchanges[exchange].continuation == .awaited {
            exchanges[exchange].continuation = .unasked
        }
        exchanges[exchange].requestBodyBytes &+= UInt64(portion.data.count)
        if exchanges[exchange].requestBodyBytes > plan.bodyBytesMax {
            fail(exchange, because: .bodyTooLarge)
            return nil
        }
        return portion
    }

    /// Takes what has come of a request's body, and sends it on or keeps it.
    ///
    /// - Parameters:
    ///   - received: loses what of it is the body.
    ///   - exchange: whose body it is.
    func receiveBody(_ received: inout BufferRange, of exchange: SlabIndex<Exchange>) {
        guard let portion = takeRequestBody(&received, of: exchange) else { return }
        if exchanges[exchange].stage == .collecting {
            collect(portion, of: exchange)
        } else {
            forward(portion, of: exchange)
        }
    }

    /// The end of a request's body has come by itself.
    func endRequestBody(of exchange: SlabIndex<Exchange>) {
        exchanges[exchange].isRequestWhole = true
        var portion = BodyPortion(rest: .none)
        portion.outcome = .finished
        if exchanges[exchange].stage == .collecting {
            collect(portion, of: exchange)
        } else {
            forward(portion, of: exchange)
        }
    }

    private func forward(_ portion: BodyPortion, of exchange: SlabIndex<Exchange>) {
        var head = BufferRange(outbox, 0..<0)
        let (body, ending) = frame(
            &head,
            portion,
            as: exchanges[exchange].requestFraming,
            trailers: exchanges[exchange].requestTrailers
        )
        let upstream = exchanges[exchange].upstream
        if head.count + body.count + ending.count > 0 {
            sendRequest(head, body, ending, on: upstream)
        }
        armClient(exchanges[exchange].client)
    }

    /// Whether a request may go out on a connection that upstream may be closing just now.
    enum Reuse: BitwiseCopyable {
        /// It is kept, to be sent again.
        case always
        /// It cannot be sent twice, so only where upstream has had no reason to close yet.
        case recent
        /// It could be sent twice, but is too large to be kept, or not all there.
        case never
    }

    /// Which connections an exchange may use, as far as its request decides it.
    func reuse(for exchange: SlabIndex<Exchange>) -> Reuse {
        if !exchanges[exchange].replay.isEmpty { return .always }
        return exchanges[exchange].method.isIdempotent ? .never : .recent
    }

    /// Whether a request is kept, because it may have to be sent again.
    ///
    /// All of it has come, and sending it twice does what sending it once does (RFC 9110 §9.2.2), or
    /// it can be told that nobody has read it.
    ///
    /// - Parameters:
    ///   - exchange: whose request it is.
    ///   - size: how many bytes it has at most, as it goes on.
    /// - Returns: whether it is worth keeping.
    func mayBeRepeated(_ exchange: SlabIndex<Exchange>, size: Int) -> Bool {
        guard exchanges[exchange].isRequestWhole else { return false }
        return exchanges[exchange].method.isIdempotent
            || plan.reachesUpstreamByUnixSocket && size <= Self.singleReadMax
    }

    /// Larger bodies are not kept for a second attempt.
    static var repeatedBodyMax: Int { 2_048 }
    /// Every server's first read takes as much (gunicorn: 8 KiB): of what is smaller it has read all
    /// or nothing.
    private static var singleReadMax: Int { 4_096 }

    /// Keeps a request that waits for its slot.
    private func keepQueued(
        _ head: BufferRange,
        _ body: BufferRange,
        _ ending: BufferRange,
        of exchange: SlabIndex<Exchange>
    ) {
        guard exchanges[exchange].replay.isEmpty else { return }
        let kept = append(head, body, ending, to: &exchanges[exchange].request)
        if kept == .outOfBuffers { fail(exchange, because: .outOfBuffers) }
    }

    /// Sends on a request that was kept until it had its slot.
    func sendKept(_ exchange: SlabIndex<Exchange>) {
        guard let upstream = connection(for: exchange, reuse(for: exchange)) else { return }
        if exchanges[exchange].request.isEmpty {
            sendRequest(exchanges[exchange].replay, .none, .none, on: upstream)
        } else {
            upstreams[upstream].output = exchanges[exchange].request
            exchanges[exchange].request = Spool()
            if upstreams[upstream].phase != .waiting { flushRequest(on: upstream) }
        }
        guard exchanges.isLive(exchange) else { return }
        armClient(exchanges[exchange].client)
        queue(exchanges[exchange].client)
    }

    /// Sends parts of a request, and keeps what upstream does not take yet.
    func sendRequest(
        _ head: BufferRange,
        _ body: BufferRange,
        _ ending: BufferRange,
        on upstream: SlabIndex<UpstreamConnection>
    ) {
        precondition(upstreams[upstream].output.isEmpty, "what is kept goes first")
        guard upstreams[upstream].phase != .waiting else {
            keepRequest(head, body, ending, dropping: 0, on: upstream)
            return
        }
        let total = head.count + body.count + ending.count
        switch buffers.send(head, body, ending, to: upstreams[upstream].socket) {
        case .bytes(let count):
            if upstreams[upstream].phase == .connecting { isConnected(upstream) }
            if count < total { keepRequest(head, body, ending, dropping: count, on: upstream) }
            awaitUpstream(upstream)
        case .wouldBlock:
            keepRequest(head, body, ending, dropping: 0, on: upstream)
            awaitUpstream(upstream)
        case .failed(let code):
            let exchange = upstreams[upstream].exchange
            if upstreams[upstream].phase == .connecting {
                // The request is needed again if another address or a fresh connection is tried.
                keepRequest(head, body, ending, dropping: 0, on: upstream)
            } else if !exchanges[exchange].replay.isEmpty {
                // Nothing of it went out: the connection was closed before.
                repeatRequest(of: exchange)
                return
            }
            sendingFailed(on: upstream, code)
        case .end: break
        }
    }

    /// Something was sent, or could not be: the next event is upstream's.
    private func awaitUpstream(_ upstream: SlabIndex<UpstreamConnection>) {
        guard upstreams.isLive(upstream) else { return }
        armUpstream(upstream)
        watch(upstream, for: upstreams[upstream].output.isEmpty ? .reading : .everything)
    }

    private func keepRequest(
        _ head: BufferRange,
        _ body: BufferRange,
        _ ending: BufferRange,
        dropping count: Int,
        on upstream: SlabIndex<UpstreamConnection>
    ) {
        let kept = append(head, body, ending, dropping: count, to: &upstreams[upstream].output)
        if kept == .outOfBuffers { fail(upstreams[upstream].exchange, because: .outOfBuffers) }
    }

    /// Sends what upstream did not take before.
    func flushRequest(on upstream: SlabIndex<UpstreamConnection>) {
        let (sent, halt) = flush(&upstreams[upstream].output, to: upstreams[upstream].socket)
        if sent > 0, upstreams[upstream].phase == .connecting { isConnected(upstream) }
        if case .failed(let code) = halt {
            sendingFailed(on: upstream, code)
        } else {
            awaitUpstream(upstream)
            if halt == .paused { queue(exchanges[upstreams[upstream].exchange].client) }
        }
        let exchange = upstreams[upstream].exchange
        if exchange != .none, upstreams[upstream].output.isEmpty {
            // What the client sent meanwhile waits in its socket.
            queue(exchanges[exchange].client)
            armClient(exchanges[exchange].client)
        }
    }
}
