// SPDX-License-Identifier: Apache-2.0

internal import WeirHTTP
internal import WeirIO

extension ProxyLoop {
    /// Relays what upstream has sent, and keeps what cannot be relayed yet.
    ///
    /// - Parameters:
    ///   - received: what was kept from before, and the new bytes behind it.
    ///   - upstream: who sent it.
    func receiveResponse(_ received: BufferRange, on upstream: SlabIndex<UpstreamConnection>) {
        let exchange = upstreams[upstream].exchange
        if exchanges[exchange].firstByteAt == 0 {
            exchanges[exchange].firstByteAt = now
            // Upstream has acted on the request: from here on it is never sent again.
            buffers.give(back: exchanges[exchange].replay.buffer)
            exchanges[exchange].replay = .none
        }
        var rest = received
        switch exchanges[exchange].stage {
        case .awaitingHead: receiveResponseHead(&rest, of: exchange)
        case .relayingBody:
            let portion = takeBody(&exchanges[exchange].responseBody, from: rest)
            rest = portion.rest
            relay(BufferRange(outbox, 0..<0), portion, of: exchange)
        case .tunnelled: tunnelToClient(&rest, of: exchange)
        case .answered, .collecting, .queued: break
        }
        keepResponse(rest, on: upstream)
    }

    private func keepResponse(_ rest: BufferRange, on upstream: SlabIndex<UpstreamConnection>) {
        guard upstreams[upstream].phase == .active else { return }
        if keep(rest, in: &upstreams[upstream].input) == .outOfBuffers {
            fail(upstreams[upstream].exchange, because: .outOfBuffers)
        }
    }

    /// Relays interim heads and the final one, with as much of the body as came with it.
    private func receiveResponseHead(
        _ received: inout BufferRange,
        of exchange: SlabIndex<Exchange>
    ) {
        let method = exchanges[exchange].method
        while exchanges[exchange].stage == .awaitingHead, !received.isEmpty {
            switch buffers.read(received, { responseHead.value.parse($0, answering: method) }) {
            case .incomplete: return
            case .refused(let error):
                received = received.dropping(received.count)
                fail(exchange, because: GatewayError(response: error))
            case .complete(let length):
                let head = received
                received = received.dropping(length)
                if responseHead.value.status == 101 {
                    openTunnel(head, &received, of: exchange)
                } else if responseHead.value.isInterim {
                    relayInterim(head, of: exchange)
                    // The next head waits until the client has taken this one.
                    if !clients[exchanges[exchange].client].output.isEmpty { return }
                } else {
                    relayHead(head, &received, of: exchange)
                }
            }
        }
    }

    /// More would keep an exchange from ever getting its answer.
    private static var interimCountMax: UInt8 { 32 }

    /// Relays a 1xx response (RFC 9110 §15.2); HTTP/1.0 does not know them.
    private func relayInterim(_ received: BufferRange, of exchange: SlabIndex<Exchange>) {
        exchanges[exchange].interimCount += 1
        guard exchanges[exchange].interimCount <= Self.interimCountMax else {
            fail(exchange, because: .tooManyInterim)
            return
        }
        if responseHead.value.status == 100 {
            // The client has had this one from weir.
            if exchanges[exchange].continuation == .given { return }
            upstreamHasSpoken(exchange)
        }
        guard exchanges[exchange].clientVersion != .http10 else { return }
        var head = BufferRange(outbox, 0..<0)
        writeResponseHead(of: received, into: &head, of: exchange)
        sendResponse(head, .none, .none, to: exchanges[exchange].client)
    }

    /// A client that waits for a 100 has its answer: what it still owes has its own time.
    private func upstreamHasSpoken(_ exchange: SlabIndex<Exchange>) {
        guard exchanges[exchange].continuation == .awaited else { return }
        exchanges[exchange].continuation = .unasked
        armClient(exchanges[exchange].client)
    }

    /// Tells a client that waits for it to send its body, because upstream has said nothing: a
    /// server that does not know `Expect` waits for the body (RFC 9110 §10.1.1).
    func giveContinue(_ exchange: SlabIndex<Exchange>) {
        exchanges[exchange].continuation = .given
        var head = BufferRange(outbox, 0..<0)
        buffers.append(to: &head) { PlainResponse.writeContinue(into: &$0) }
        let client = exchanges[exchange].client
        sendResponse(head, .none, .none, to: client)
        if exchanges.isLive(exchange) { armClient(client) }
    }

    private func relayHead(
        _ received: BufferRange,
        _ rest: inout BufferRange,
        of exchange: SlabIndex<Exchange>
    ) {
        guard !isMistakenForTunnel(exchange) else {
            fail(exchange, because: .badResponse)
            return
        }
        let framing = responseHead.value.framing
        let compression = settleCompression(of: received, exchange)
        exchanges[exchange].upstreamPersistence = responseHead.value.persistence
        exchanges[exchange].responseBody = BodyReader(framing)
        exchanges[exchange].responseFraming = outgoingFraming(
            compression == .gzip ? .chunked : framing,
            of: exchange
        )
        upstreamHasSpoken(exchange)
        // Whether the client still sends the rest of its request is not known.
        if exchanges[exchange].responseFraming == .untilClose || stage == .draining
            || !exchanges[exchange].isRequestWhole
        {
            exchanges[exchange].fate = .close
        }
        var head = BufferRange(outbox, 0..<0)
        writeResponseHead(of: received, into: &head, of: exchange, compression)
        let portion = takeBody(&exchanges[exchange].responseBody, from: rest)
        rest = portion.rest
        if case .refused = portion.outcome {
            fail(exchange, because: .badResponse)
            return
        }
        exchanges[exchange].stage = .relayingBody
        exchanges[exchange].status = responseHead.value.status
        relay(head, portion, of: exchange)
    }

    /// Whether the response at hand would tell a client of HTTP/2 that its tunnel stands, although
    /// upstream has not switched: to a CONNECT every 2xx says so (RFC 8441 §5).
    private func isMistakenForTunnel(_ exchange: SlabIndex<Exchange>) -> Bool {
        exchanges[exchange].clientVersion == .http2
            && !exchanges[exchange].offeredProtocols.isEmpty
            && responseHead.value.status / 100 == 2
    }

    /// How a response body goes on to the client: with its length if that is known, else in chunks,
    /// which HTTP/1.0 does not know (RFC 9112 §6.3) and HTTP/2 has frames for.
    private func outgoingFraming(
        _ framing: MessageFraming,
        of exchange: SlabIndex<Exchange>
    ) -> MessageFraming {
        switch framing {
        case .none, .counted: framing
        case .chunked, .untilClose:
            exchanges[exchange].clientVersion == .http11 ? .chunked : .untilClose
        }
    }

    func writeResponseHead(
        of received: BufferRange,
        into head: inout BufferRange,
        of exchange: SlabIndex<Exchange>,
        _ compression: Compression = .none
    ) {
        let context = ResponseContext(
            framing: exchanges[exchange].responseFraming,
            fate: exchanges[exchange].fate,
            clientVersion: exchanges[exchange].clientVersion,
            date: date,
            compression: compression
        )
        buffers.append(to: &head, reading: received) { bytes, output in
            responseHead.value.writeForwarded(from: bytes, into: &output, context: context)
        }
    }

    /// Sends on a part of the response, and ends the exchange with the last one.
    private func relay(
        _ head: BufferRange,
        _ portion: BodyPortion,
        of exchange: SlabIndex<Exchange>
    ) {
        if case .refused = portion.outcome {
            fail(exchange, because: .badResponse)
            return
        }
        if !portion.trailers.isEmpty { keepResponseTrailers(portion.trailers, of: exchange) }
        if exchanges[exchange].deflater == .none {
            var head = head
            let (body, ending) = frame(&head, portion, as: exchanges[exchange].responseFraming)
            if head.count + body.count + ending.count > 0 {
                sendResponse(head, body, ending, to: exchanges[exchange].client)
            }
        } else {
            relayCompressed(head, portion, of: exchange)
        }
        // The client may have left while it was written to.
        guard exchanges.isLive(exchange), case .finished = portion.outcome else { return }
        responseIsWhole(exchange, portion.rest.isEmpty ? .keepAlive : .close)
    }

    /// Upstream has answered: it is free for the next request, however slowly the client reads.
    ///
    /// - Parameters:
    ///   - exchange: which one.
    ///   - fate: whether its connection can be used again as far as the bytes on it tell: surplus
    ///     ones would be taken for the next response.
    private func responseIsWhole(_ exchange: SlabIndex<Exchange>, _ fate: ConnectionFate) {
        let upstream = exchanges[exchange].upstream
        giveBackDeflater(of: exchange)
        exchanges[exchange].answeredAt = now
        exchanges[exchange].stage = .answered
        exchanges[exchange].upstream = .none
        status.upstreamAnswered(at: now)
        metrics.upstreamAnswered(
            responseStartNanoseconds: exchanges[exchange].firstByteAt
                &- exchanges[exchange].grantedAt,
            serviceNanoseconds: now &- exchanges[exchange].grantedAt
        )
        let isReusable =
            fate == .keepAlive && exchanges[exchange].upstreamPersistence == .keepAlive
            && exchanges[exchange].isRequestWhole && upstreams[upstream].output.isEmpty
            && !upstreams[upstream].hasStoppedReading
        release(upstream, isReusable ? .keepAlive : .close)
        leaveSlot(exchange)
        finishWhenTaken(exchange)
    }

    /// How an upstream connection ended.
    enum Departure: BitwiseCopyable {
        /// In order, after everything that was sent.
        case finished
        /// By a reset.
        case reset
        /// In the middle of something, otherwise.
        case broken
    }

    /// Upstream will send no more.
    func upstreamIsGone(_ upstream: SlabIndex<UpstreamConnection>, _ departure: Departure) {
        let exchange = upstreams[upstream].exchange
        switch exchanges[exchange].stage {
        case .awaitingHead:
            if !exchanges[exchange].replay.isEmpty, mayRepeat(exchange, upstream, departure) {
                repeatRequest(of: exchange)
            } else {
                fail(exchange, because: departure == .finished ? .upstreamClosed : .upstreamReset)
            }
        case .relayingBody:
            guard departure == .finished,
                exchanges[exchange].responseBody.endOfInput() == .complete
            else {
                fail(exchange, because: .responseTruncated)
                return
            }
            var portion = BodyPortion(rest: .none)
            portion.outcome = .finished
            relay(BufferRange(outbox, 0..<0), portion, of: exchange)
        case .tunnelled where departure == .finished: finishUpstreamSide(of: exchange)
        case .tunnelled: closeTunnel(exchange, .reset)
        case .answered, .collecting, .queued: break
        }
    }

    /// Whether a request whose connection died before the first byte of a response may be sent once
    /// more (RFC 9110 §9.2.2).
    ///
    /// A reset says that upstream has left bytes unread: its listener was closed with the connection
    /// still in the backlog, or a worker ended that had just accepted it. On a unix socket nothing
    /// else makes one, and such a small request is read in one piece: nobody has seen it.
    private func mayRepeat(
        _ exchange: SlabIndex<Exchange>,
        _ upstream: SlabIndex<UpstreamConnection>,
        _ departure: Departure
    ) -> Bool {
        guard exchanges[exchange].method.isIdempotent else {
            return departure == .reset && plan.reachesUpstreamByUnixSocket
        }
        // A new connection that ends in order, or with a crash, has done so because of the request.
        return departure == .reset || upstreams[upstream].isReused
    }
}
