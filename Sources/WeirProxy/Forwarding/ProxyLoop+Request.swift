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
        clients[client].phase = .exchanging
        clients[client].exchange = exchange
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
        var head = BufferRange(outbox, 0..<0)
        if isReplayable(exchange, portion) {
            // Written into a buffer of its own, the request need not be copied to be kept.
            let size =
                headLength + requestHead.value.forwardedOverheadBytes
                + Self.framedBytesMax(portion)
            if let own = buffers.take(size) { head = BufferRange(own, 0..<0) }
        }
        if plan.sendsProxyHeaders { writeProxyHeader(of: headBytes, into: &head, of: client) }
        writeHead(of: headBytes, into: &head, of: exchange)
        let (body, ending) = frame(&head, portion, as: framing)
        if head.buffer != outbox { exchanges[exchange].replay = head }
        if case .admitted = admit(exchange, head, body, ending) {
            guard let upstream = connection(for: exchange, reuse(for: exchange)) else { return }
            sendRequest(head, body, ending, on: upstream)
        }
        if exchanges.isLive(exchange) { armClient(client) }
    }

    private func writeHead(
        of received: BufferRange,
        into head: inout BufferRange,
        of exchange: SlabIndex<Exchange>
    ) {
        let client = exchanges[exchange].client
        let context = ForwardingContext(
            trust: clients[client].trust,
            clientAddress: clients[client].address,
            framing: exchanges[exchange].requestFraming,
            expectation: requestHead.value.expectsContinue ? .forward : .withhold,
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
        if exchanges.isLive(exchange), clients[exchanges[exchange].client].output.isEmpty {
            finish(exchange)
        }
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

    /// Sends on what has come of a request's body.
    ///
    /// - Parameters:
    ///   - received: loses what of it is the body.
    ///   - exchange: whose body it is.
    func forwardBody(_ received: inout BufferRange, of exchange: SlabIndex<Exchange>) {
        guard let portion = takeRequestBody(&received, of: exchange) else { return }
        var head = BufferRange(outbox, 0..<0)
        let (body, ending) = frame(&head, portion, as: exchanges[exchange].requestFraming)
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

    /// Whether a request may have to be sent again: it goes out on a connection that upstream may
    /// be closing just now, sending it twice does what sending it once does (RFC 9110 §9.2.2), and
    /// nothing of it is still to come.
    private func isReplayable(_ exchange: SlabIndex<Exchange>, _ portion: BodyPortion) -> Bool {
        firstIdle != .none && exchanges[exchange].method.isIdempotent
            && exchanges[exchange].isRequestWhole
            && portion.data.count <= Self.replayedBodyMax
    }

    /// Larger bodies are not kept for a second attempt.
    private static var replayedBodyMax: Int { 2_048 }

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
            // The request is needed again if another address or a fresh connection is tried.
            if upstreams[upstream].phase == .connecting {
                keepRequest(head, body, ending, dropping: 0, on: upstream)
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
        guard let kept = buffers.keep(head, body, ending, dropping: count) else {
            fail(upstreams[upstream].exchange, because: .outOfBuffers)
            return
        }
        upstreams[upstream].output = kept
    }

    /// Sends what upstream did not take before.
    func flushRequest(on upstream: SlabIndex<UpstreamConnection>) {
        let pending = upstreams[upstream].output
        switch buffers.send(pending, to: upstreams[upstream].socket) {
        case .bytes(let count):
            if upstreams[upstream].phase == .connecting { isConnected(upstream) }
            if count < pending.count {
                upstreams[upstream].output = pending.dropping(count)
            } else {
                buffers.give(back: pending.buffer)
                upstreams[upstream].output = .none
            }
            awaitUpstream(upstream)
        case .wouldBlock: awaitUpstream(upstream)
        case .failed(let code): sendingFailed(on: upstream, code)
        case .end: break
        }
        let exchange = upstreams[upstream].exchange
        if exchange != .none, upstreams[upstream].output.isEmpty {
            // What the client sent meanwhile waits in its socket.
            queue(exchanges[exchange].client)
            armClient(exchanges[exchange].client)
        }
    }
}
