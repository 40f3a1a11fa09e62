// SPDX-License-Identifier: Apache-2.0

internal import WeirHTTP
internal import WeirIO

extension ProxyLoop {
    // MARK: Taking a connection

    /// For how long an idle connection is as good as a new one: no server that keeps connections
    /// at all closes them sooner.
    private static var recentIdle: UInt64 { 500_000_000 }

    /// A connection for an exchange: the idle one used last, or a new one.
    ///
    /// - Parameters:
    ///   - exchange: what it is for.
    ///   - reuse: whether it may be an idle one.
    /// - Returns: the connection; `nil` when there is none, and the exchange has failed.
    func connection(
        for exchange: SlabIndex<Exchange>,
        _ reuse: Reuse
    ) -> SlabIndex<UpstreamConnection>? {
        let idle = firstIdle
        guard idle != .none, reuse != .never,
            reuse == .always || now &- upstreams[idle].idleSince < Self.recentIdle
        else { return newConnection(for: exchange) }
        removeFromPool(idle)
        upstreams[idle].phase = .active
        upstreams[idle].isReused = true
        upstreams[idle].exchange = exchange
        exchanges[exchange].upstream = idle
        metrics.upstreamConnectionMoved(from: .idle, to: .active)
        return idle
    }

    /// Opens a connection for an exchange.
    ///
    /// - Parameter exchange: what it is for.
    /// - Returns: the connection, connected or on the way; `nil` when there is none, and the
    ///   exchange has failed.
    func newConnection(for exchange: SlabIndex<Exchange>) -> SlabIndex<UpstreamConnection>? {
        // Each turn of the loop tries one of upstream's addresses, until the exchange has failed.
        while exchanges.isLive(exchange), exchanges[exchange].stage == .awaitingHead {
            guard let socket = openSocket(),
                let upstream = upstreams.insert(
                    UpstreamConnection(socket: socket, for: exchange, at: now)
                )
            else {
                fail(exchange, because: .upstreamUnreachable)
                return nil
            }
            exchanges[exchange].upstream = upstream
            metrics.upstreamConnectionOpened(in: .connecting)
            connect(upstream)
            if upstreams[upstream].phase != .closed { return upstream }
        }
        return nil
    }

    private func openSocket() -> StreamSocket? {
        do {
            return try StreamSocket(for: plan.upstreamAddresses[upstreamAddress])
        } catch {
            log.limited(.warning, "cannot open a connection", ["error": error.description])
            return nil
        }
    }

    /// Knocks at upstream's door, for the first time or again.
    func connect(_ upstream: SlabIndex<UpstreamConnection>) {
        let address = plan.upstreamAddresses[upstreamAddress]
        switch upstreams[upstream].socket.connect(to: address) {
        case .started:
            upstreams[upstream].phase = .connecting
            // TCP reports writability only when it was missed, and registering it after the first
            // send cost 4 % of a request more than before it.
            if address.family != .unix { watch(upstream, for: .everything) }
            if !upstreams[upstream].output.isEmpty { flushRequest(on: upstream) }
        case .backlogFull: upstreams[upstream].phase = .waiting
        case .failed(let code): connectFailed(upstream, code)
        }
        if upstreams.isLive(upstream) { armUpstream(upstream) }
    }

    /// Has the kernel report at least this much of a connection.
    func watch(_ upstream: SlabIndex<UpstreamConnection>, for interest: Poller.Interest) {
        let number = upstreams[upstream].socket.number
        switch (upstreams[upstream].interest, interest) {
        case (.nothing, _):
            let token = upstreams.token(of: upstream, kind: TokenKind.upstream)
            do {
                try poller.addStream(number, token: token, interest: interest)
                upstreams[upstream].interest = interest
            } catch {
                log.limited(.warning, "cannot watch a connection", ["error": error.description])
                fail(upstreams[upstream].exchange, because: .upstreamUnreachable)
            }
        case (.reading, .everything):
            let token = upstreams.token(of: upstream, kind: TokenKind.upstream)
            poller.changeStream(number, token: token, interest: interest)
            upstreams[upstream].interest = interest
        case (.reading, _), (.everything, _): break
        }
    }

    /// The first byte of a request went out: the connection stands.
    func isConnected(_ upstream: SlabIndex<UpstreamConnection>) {
        upstreams[upstream].phase = .active
        let moment = Clock.monotonic()
        metrics.upstreamConnectionMoved(from: .connecting, to: .active)
        metrics.upstreamConnected(nanoseconds: moment &- upstreams[upstream].connectStartedAt)
        status.upstreamAnswered(at: moment)
    }

    /// Upstream could not be connected to: tries its next address, or waits for it to come back.
    private func connectFailed(_ upstream: SlabIndex<UpstreamConnection>, _ code: ErrorCode) {
        status.upstreamFailed(at: now)
        let exchange = upstreams[upstream].exchange
        exchanges[exchange].addressesTried += 1
        upstreamAddress = (upstreamAddress + 1) % plan.upstreamAddresses.count
        guard exchanges[exchange].addressesTried % plan.upstreamAddresses.count != 0 else {
            wait(upstream, code)
            return
        }
        metrics.upstreamRetried(.connectFailed)
        let request = upstreams[upstream].output
        upstreams[upstream].output = Spool()
        closeUpstream(upstream)
        // Without a request yet, whoever asked for the connection is still waiting for it.
        if !request.isEmpty { send(again: request, for: exchange) }
    }

    /// Has a request wait for upstream, which refuses connections while it restarts.
    private func wait(_ upstream: SlabIndex<UpstreamConnection>, _ code: ErrorCode) {
        let exchange = upstreams[upstream].exchange
        let error = GatewayError(connecting: code)
        if exchanges[exchange].refusedSince == 0 { exchanges[exchange].refusedSince = now }
        guard error != .connectTimeout, waitLeft(for: exchange) > 0 else {
            fail(exchange, because: error)
            return
        }
        log.limited(
            .warning,
            "upstream accepts no connection, requests wait for it",
            ["error": code.text]
        )
        upstreams[upstream].phase = .waiting
        upstreams[upstream].socket.close()
        upstreams[upstream].interest = .nothing
        armUpstream(upstream)
    }

    /// Knocks again.
    func retry(_ upstream: SlabIndex<UpstreamConnection>) {
        if !upstreams[upstream].socket.isOpen {
            metrics.upstreamRetried(.connectFailed)
            guard let socket = openSocket() else {
                fail(upstreams[upstream].exchange, because: .upstreamUnreachable)
                return
            }
            upstreams[upstream].socket = socket
            upstreams[upstream].connectStartedAt = now
        }
        connect(upstream)
    }

    /// Sends a request on a new connection.
    ///
    /// - Parameters:
    ///   - request: what there is of it, which this takes over.
    ///   - exchange: whose request it is.
    private func send(again request: consuming Spool, for exchange: SlabIndex<Exchange>) {
        guard let upstream = newConnection(for: exchange) else {
            discard(&request)
            return
        }
        upstreams[upstream].output = request
        if upstreams[upstream].phase != .waiting { flushRequest(on: upstream) }
    }

    /// Sends the request that was kept for it once more, on a new connection.
    func repeatRequest(of exchange: SlabIndex<Exchange>) {
        var request = Spool()
        buffers.adopt(exchanges[exchange].replay, behind: &request.chain)
        exchanges[exchange].replay = .none
        exchanges[exchange].refusedSince = 0
        metrics.upstreamRetried(.connectionDied)
        closeUpstream(exchanges[exchange].upstream)
        send(again: request, for: exchange)
    }

    // MARK: Events

    /// Acts on what the kernel reports of an upstream connection.
    func upstreamReady(_ upstream: SlabIndex<UpstreamConnection>, _ readiness: Readiness) {
        if readiness.contains(.peerClosed) { upstreams[upstream].hasFinished = true }
        if !readiness.isDisjoint(with: [.readable, .peerClosed, .hangup, .error]) {
            upstreams[upstream].isReadable = true
        }
        if upstreams[upstream].phase == .connecting, readiness.contains(.error) {
            let code = upstreams[upstream].socket.pendingError() ?? .connectionRefused
            connectFailed(upstream, code)
            return
        }
        if upstreams[upstream].phase == .idle {
            if upstreams[upstream].isReadable { checkIdle(upstream) }
            return
        }
        if readiness.contains(.writable), !upstreams[upstream].output.isEmpty {
            flushRequest(on: upstream)
        }
        readUpstream(upstream)
    }

    /// Whatever an idle connection brings belongs to no request: the end, or unasked bytes.
    ///
    /// But the event may be about a response that was read earlier in the same batch.
    private func checkIdle(_ upstream: SlabIndex<UpstreamConnection>) {
        var unasked = BufferRange(inbox, 0..<0)
        let transfer = buffers.receive(
            from: upstreams[upstream].socket,
            behind: &unasked,
            upTo: 1
        )
        if transfer == .wouldBlock {
            upstreams[upstream].isReadable = false
        } else {
            closeUpstream(upstream)
        }
    }

    /// Goes on with what upstream sent while the client did not take it.
    func resumeUpstream(_ upstream: SlabIndex<UpstreamConnection>) {
        if !upstreams[upstream].output.isEmpty, upstreams[upstream].phase == .active {
            flushRequest(on: upstream)
        }
        guard upstreams.isLive(upstream),
            takesResponse(exchanges[upstreams[upstream].exchange].client)
        else { return }
        if !upstreams[upstream].input.isEmpty {
            receiveResponse(upstreams[upstream].input, on: upstream)
        }
        readUpstream(upstream)
        if upstreams.isLive(upstream) { armUpstream(upstream) }
    }

    /// Reads as long as there is something to read and room for it, up to its share of the turn.
    func readUpstream(_ upstream: SlabIndex<UpstreamConnection>) {
        var taken = 0
        while upstreams[upstream].isReadable, upstreams[upstream].phase == .active,
            takesResponse(exchanges[upstreams[upstream].exchange].client)
        {
            guard taken < turnShare(of: upstream) else {
                queue(exchanges[upstreams[upstream].exchange].client)
                break
            }
            var (received, room) = readTarget(&upstreams[upstream].input)
            guard room > 0 else {
                fail(upstreams[upstream].exchange, because: .outOfBuffers)
                return
            }
            let transfer = buffers.receive(
                from: upstreams[upstream].socket,
                behind: &received,
                upTo: room
            )
            switch transfer {
            case .bytes(let count):
                taken += count
                if count < room, !upstreams[upstream].hasFinished {
                    upstreams[upstream].isReadable = false
                }
                if received.buffer != inbox { upstreams[upstream].input = received }
                receiveResponse(received, on: upstream)
            case .wouldBlock:
                upstreams[upstream].isReadable = false
                flushCompressed(upstreams[upstream].exchange)
            case .end:
                upstreams[upstream].isReadable = false
                upstreamIsGone(upstream, .finished)
            case .failed(let code):
                upstreams[upstream].isReadable = false
                upstreamIsGone(upstream, code == .connectionReset ? .reset : .broken)
            }
        }
        if upstreams[upstream].phase == .active { armUpstream(upstream) }
    }

    /// Writing to upstream failed.
    ///
    /// It may have answered before it stopped reading (RFC 9112 §9.5), so what it sent is read
    /// first.
    func sendingFailed(on upstream: SlabIndex<UpstreamConnection>, _ code: ErrorCode) {
        guard upstreams[upstream].phase != .connecting else {
            connectFailed(upstream, code)
            return
        }
        upstreams[upstream].hasStoppedReading = true
        discard(&upstreams[upstream].output)
        upstreams[upstream].isReadable = true
        let exchange = upstreams[upstream].exchange
        queue(exchanges[exchange].client)
        if exchanges[exchange].stage == .tunnelled { upstreamSideStoppedReading(of: exchange) }
    }

    // MARK: The pool

    /// Takes an upstream connection off its exchange, for the next one or for good.
    func release(_ upstream: SlabIndex<UpstreamConnection>, _ fate: ConnectionFate) {
        // A connection that began with a PROXY header belongs to one client.
        guard fate == .keepAlive, !upstreams[upstream].hasFinished,
            !upstreams[upstream].isReadable, stage == .serving, !plan.sendsProxyHeaders
        else {
            closeUpstream(upstream)
            return
        }
        buffers.give(back: upstreams[upstream].input.buffer)
        upstreams[upstream].input = .none
        upstreams[upstream].phase = .idle
        upstreams[upstream].idleSince = now
        upstreams[upstream].exchange = .none
        upstreams[upstream].previousIdle = .none
        upstreams[upstream].nextIdle = firstIdle
        if firstIdle != .none { upstreams[firstIdle].previousIdle = upstream }
        firstIdle = upstream
        metrics.upstreamConnectionMoved(from: .active, to: .idle)
        armUpstream(upstream)
    }

    private func removeFromPool(_ upstream: SlabIndex<UpstreamConnection>) {
        let next = upstreams[upstream].nextIdle
        let previous = upstreams[upstream].previousIdle
        if previous == .none { firstIdle = next } else { upstreams[previous].nextIdle = next }
        if next != .none { upstreams[next].previousIdle = previous }
    }

    /// Closes a connection to upstream, whatever it is doing.
    func closeUpstream(_ upstream: SlabIndex<UpstreamConnection>) {
        switch upstreams[upstream].phase {
        case .closed: return
        case .idle:
            removeFromPool(upstream)
            metrics.upstreamConnectionClosed(in: .idle)
        case .active: metrics.upstreamConnectionClosed(in: .active)
        case .connecting, .waiting: metrics.upstreamConnectionClosed(in: .connecting)
        }
        upstreams[upstream].phase = .closed
        let exchange = upstreams[upstream].exchange
        if exchange != .none { exchanges[exchange].upstream = .none }
        upstreams[upstream].exchange = .none
        buffers.give(back: upstreams[upstream].input.buffer)
        upstreams[upstream].input = .none
        discard(&upstreams[upstream].output)
        disarm(upstream)
        upstreams[upstream].socket.close()
        upstreams.retire(upstream)
    }
}
