// SPDX-License-Identifier: Apache-2.0

internal import WeirHTTP
internal import WeirIO

extension ProxyLoop {
    /// The status under which an exchange is counted whose client left before it was answered, as
    /// nginx writes it.
    private static let clientClosedRequest: UInt16 = 499

    // MARK: Exchanges

    /// Nothing will follow what was sent of a response: ends the exchange once the client has it.
    func finishWhenTaken(_ exchange: SlabIndex<Exchange>) {
        let client = exchanges[exchange].client
        if clients[client].isStream {
            endResponse(of: client)
        } else if clients[client].output.isEmpty {
            finish(exchange)
        }
    }

    /// The response was sent to its last byte, or as far as it will be.
    func finish(_ exchange: SlabIndex<Exchange>) {
        let client = exchanges[exchange].client
        let isRequestWhole = exchanges[exchange].isRequestWhole
        let fate = exchanges[exchange].fate
        record(exchange, status: exchanges[exchange].status)
        retire(exchange)
        guard !clients[client].isStream else {
            close(client)
            return
        }
        // At a drain, requests that came early are still served; the last one's response closes.
        let isLast =
            stage == .draining && clients[client].input.isEmpty && !clients[client].isReadable
        if fate == .close || !isRequestWhole || isLast {
            if !isRequestWhole, clients[client].ending == .finish {
                clients[client].ending = .linger
            }
            end(client)
            return
        }
        clients[client].phase = .awaitingRequest
        if clients[client].hasFinished || clients[client].isReadable
            || !clients[client].input.isEmpty
        {
            queue(client)
        }
        armClient(client)
    }

    /// Gives up an exchange because of what upstream, the client or weir itself did.
    func fail(_ exchange: SlabIndex<Exchange>, because error: GatewayError) {
        fail(exchange, with: .failure(error))
    }

    /// Gives up an exchange: answers if nothing of a response was sent, else cuts the response
    /// short.
    func fail(_ exchange: SlabIndex<Exchange>, with refusal: Refusal) {
        guard exchanges.isLive(exchange), exchanges[exchange].stage != .answered else { return }
        count(refusal)
        guard exchanges[exchange].stage != .tunnelled else {
            closeTunnel(exchange, .reset)
            return
        }
        let upstream = exchanges[exchange].upstream
        if upstream != .none {
            if upstreams[upstream].phase == .active { exchanges[exchange].answeredAt = now }
            exchanges[exchange].upstream = .none
            closeUpstream(upstream)
        }
        leaveSlot(exchange)
        giveBackDeflater(of: exchange)
        exchanges[exchange].stage = .answered
        let client = exchanges[exchange].client
        if exchanges[exchange].status == 0, clients[client].output.isEmpty {
            // A body that is not read to its end leaves no place where the next request could
            // begin.
            if !exchanges[exchange].isRequestWhole { exchanges[exchange].fate = .close }
            exchanges[exchange].status = refusal.status
            let response = PlainResponse(
                status: refusal.status,
                reason: refusal.reason,
                explanation: refusal.explanation,
                format: exchanges[exchange].errorFormat,
                answering: exchanges[exchange].method,
                fate: exchanges[exchange].fate,
                clientVersion: exchanges[exchange].clientVersion,
                date: date,
                requestID: requestID(of: exchange),
                retryAfterSeconds: refusal.retryAfterSeconds
            )
            send(response, to: client)
        } else {
            // What was sent of a response, or of an interim one, is cut short. Where its framing does
            // not tell so, a reset does.
            let isDelimited = exchanges[exchange].status != 0 && !endsWithConnection(exchange)
            if !isDelimited { clients[client].ending = .reset }
            cutResponse(of: client)
            if exchanges[exchange].status == 0 { exchanges[exchange].status = refusal.status }
            exchanges[exchange].fate = .close
        }
        if exchanges.isLive(exchange) { finishWhenTaken(exchange) }
    }

    private func endsWithConnection(_ exchange: SlabIndex<Exchange>) -> Bool {
        if case .untilClose = exchanges[exchange].responseFraming { true } else { false }
    }

    /// Ends an exchange whose client's connection is about to be closed under it.
    func drop(_ exchange: SlabIndex<Exchange>) {
        let upstream = exchanges[exchange].upstream
        if upstream != .none { closeUpstream(upstream) }
        let status = exchanges[exchange].status
        if exchanges[exchange].stage == .tunnelled {
            metrics.tunnelClosed()
        } else {
            record(exchange, status: status == 0 ? Self.clientClosedRequest : status)
        }
        retire(exchange)
    }

    private func record(_ exchange: SlabIndex<Exchange>, status: UInt16) {
        let moment = Clock.monotonic()
        let answeredAt = exchanges[exchange].answeredAt
        metrics.requestFinished(
            FinishedExchange(
                method: exchanges[exchange].method,
                status: status,
                totalNanoseconds: moment &- exchanges[exchange].startedAt,
                applicationTime: answeredAt == 0
                    ? .neverReached
                    : .measured(nanoseconds: answeredAt &- exchanges[exchange].readyAt),
                now: moment
            )
        )
    }

    private func retire(_ exchange: SlabIndex<Exchange>) {
        leaveSlot(exchange)
        giveBackDeflater(of: exchange)
        buffers.give(back: exchanges[exchange].replay.buffer)
        buffers.give(back: exchanges[exchange].head.buffer)
        buffers.give(back: exchanges[exchange].keptID.buffer)
        buffers.give(back: exchanges[exchange].requestTrailers.buffer)
        buffers.give(back: exchanges[exchange].responseTrailers.buffer)
        exchanges[exchange].requestTrailers = .none
        exchanges[exchange].responseTrailers = .none
        exchanges[exchange].replay = .none
        exchanges[exchange].head = .none
        exchanges[exchange].keptID = .none
        discard(&exchanges[exchange].request)
        clients[exchanges[exchange].client].exchange = .none
        exchanges.retire(exchange)
    }

    // MARK: Answers of weir's own

    /// Answers a request that never became an exchange, and ends the connection.
    ///
    /// - Parameters:
    ///   - client: who has sent it.
    ///   - refusal: why.
    ///   - head: what has come of it, as far as somebody may look at that.
    func refuse(
        _ client: SlabIndex<ClientConnection>,
        _ refusal: Refusal,
        _ head: BufferRange = .none
    ) {
        count(refusal)
        metrics.requestStarted(.other)
        let moment = Clock.monotonic()
        metrics.requestFinished(
            FinishedExchange(
                method: .other,
                status: refusal.status,
                totalNanoseconds: moment &- clients[client].requestStartedAt,
                applicationTime: .neverReached,
                now: moment
            )
        )
        clients[client].phase = .closing
        clients[client].ending = .linger
        let response = PlainResponse(
            status: refusal.status,
            reason: refusal.reason,
            explanation: refusal.explanation,
            format: buffers.read(head) { RefusedHead.errorFormat($0) },
            answering: buffers.read(head) { RefusedHead.method($0) },
            fate: .close,
            date: date,
            requestID: requestID(of: head, from: client)
        )
        send(response, to: client)
        guard clients[client].phase == .closing else { return }
        if clients[client].isStream || clients[client].output.isEmpty { end(client) }
    }

    private func send(_ response: PlainResponse, to client: SlabIndex<ClientConnection>) {
        var head = BufferRange(outbox, 0..<0)
        buffers.append(to: &head) { response.write(into: &$0) }
        sendResponse(head, .none, .none, to: client)
    }

    private func requestID(
        of head: BufferRange,
        from client: SlabIndex<ClientConnection>
    ) -> String {
        let made = requestIDs.next().description
        guard clients[client].trust == .trusted,
            let id = buffers.read(head, { RefusedHead.requestID($0) })
        else { return made }
        return String(decoding: buffers.copy(of: head.extracting(id)), as: UTF8.self)
    }

    private func requestID(of exchange: SlabIndex<Exchange>) -> String {
        let kept = exchanges[exchange].keptID
        guard !kept.isEmpty else { return exchanges[exchange].requestID.description }
        return String(decoding: buffers.copy(of: kept), as: UTF8.self)
    }

    private func count(_ refusal: Refusal) {
        switch refusal {
        case .head(let error): metrics.failed(error)
        case .body(let error): metrics.failed(error)
        case .failure(let error): metrics.failed(error)
        }
    }

    // MARK: Connections

    /// Ends a connection whose output is sent.
    func end(_ client: SlabIndex<ClientConnection>) {
        guard !clients[client].isStream else {
            endStream(client)
            return
        }
        let hasUnread = clients[client].isReadable || !clients[client].input.isEmpty
        switch clients[client].ending {
        case .finish where !hasUnread, .reset: close(client)
        case .finish, .linger: linger(client)
        }
    }

    private func linger(_ client: SlabIndex<ClientConnection>) {
        clients[client].phase = .lingering
        clients[client].socket.finishSending()
        buffers.give(back: clients[client].input.buffer)
        clients[client].input = .none
        armClient(client)
        queue(client)
    }

    /// The client's connection broke, or it closed it while something was owed to it.
    func clientIsGone(_ client: SlabIndex<ClientConnection>) {
        let exchange = clients[client].exchange
        switch clients[client].phase {
        case .awaitingProxyHeader, .awaitingRequest, .multiplexing, .lingering, .closed: break
        case .exchanging where isTunnelled(client): break
        case .readingHead: metrics.clientAborted(.head)
        case .closing: metrics.clientAborted(.response)
        case .exchanging where exchanges[exchange].status != 0: metrics.clientAborted(.response)
        case .exchanging where !exchanges[exchange].isRequestWhole:
            metrics.clientAborted(.requestBody)
        case .exchanging: metrics.clientAborted(.waiting)
        }
        if exchange != .none { drop(exchange) }
        close(client)
    }

    /// Gives up a client because of a limit that left nothing to answer with.
    func abandon(_ client: SlabIndex<ClientConnection>, because error: GatewayError) {
        if clients[client].phase == .multiplexing {
            // What is counted are requests, of which it may have any number.
            for stream in streams(of: client) { abandon(stream, because: error) }
        } else {
            metrics.failed(error)
        }
        if clients[client].exchange != .none { drop(clients[client].exchange) }
        clients[client].ending = .reset
        close(client)
    }

    /// Closes a client's connection, whatever it is doing.
    func close(_ client: SlabIndex<ClientConnection>) {
        guard clients[client].phase != .closed else { return }
        if clients[client].session != .none { leaveSession(client) }
        clients[client].phase = .closed
        unqueue(client)
        disarm(client)
        buffers.give(back: clients[client].input.buffer)
        clients[client].input = .none
        discard(&clients[client].output)
        if !clients[client].isStream { closeSocket(of: client) }
        clients.retire(client)
    }

    private func closeSocket(of client: SlabIndex<ClientConnection>) {
        if clients[client].ending == .reset {
            clients[client].socket.reset()
        } else {
            clients[client].socket.close()
        }
        if clients[client].spoken == nil { metrics.connectionSpoke(.http1) }
        metrics.connectionClosed(clients[client].spoken ?? .http1)
    }
}
