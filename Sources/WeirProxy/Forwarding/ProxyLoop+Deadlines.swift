// SPDX-License-Identifier: Apache-2.0

internal import WeirHTTP
internal import WeirIO

extension ProxyLoop {
    /// How long a client may take to see an answer that came before its request had ended.
    private static let lingerTimeout: UInt64 = 2_000_000_000
    /// How long to wait before knocking again at a full backlog.
    private static let backlogPause: UInt64 = 10_000_000
    /// The same where nobody listens: at first, and at most.
    private static let refusalPauses: ClosedRange<UInt64> = 10_000_000...320_000_000
    /// How long upstream may take to say 100 to a client that waits for it.
    private static let continueTimeout: UInt64 = 1_000_000_000

    // Timers are numbered: clients, then upstream connections, then the listeners' one.
    private func timer(of client: SlabIndex<ClientConnection>) -> Int { Int(client.rawValue) }
    private func timer(of upstream: SlabIndex<UpstreamConnection>) -> Int {
        plan.clients + Int(upstream.rawValue)
    }
    var acceptTimer: Int { plan.clients + 2 * plan.connections }

    /// Sets the deadline that fits what a client connection is waiting for.
    func armClient(_ client: SlabIndex<ClientConnection>) {
        let deadline: UInt64
        if !clients[client].output.isEmpty {
            deadline = clients[client].outputTakenAt &+ plan.sendTimeout
        } else {
            switch clients[client].phase {
            case .awaitingRequest: deadline = now &+ plan.idleTimeout
            case .readingHead: deadline = clients[client].requestStartedAt &+ plan.headerTimeout
            case .awaitingProxyHeader:
                deadline = clients[client].requestStartedAt &+ plan.headerTimeout
            case .exchanging where isQueued(client):
                deadline = exchanges[clients[client].exchange].readyAt &+ plan.queueTimeout
            case .exchanging where isTunnelled(client): deadline = now &+ tunnelTimeout(of: client)
            case .exchanging where isAwaitingBody(client): deadline = now &+ bodyTimeout(of: client)
            case .exchanging, .closing, .closed:
                timers.cancel(timer(of: client))
                return
            case .multiplexing:
                deadline = sessionDeadline(of: client)
                if deadline == .max {
                    timers.cancel(timer(of: client))
                    return
                }
            case .lingering: deadline = now &+ Self.lingerTimeout
            }
        }
        timers.arm(timer(of: client), at: deadline)
    }

    /// Sets the deadline that fits what an upstream connection is waiting for.
    func armUpstream(_ upstream: SlabIndex<UpstreamConnection>) {
        let deadline: UInt64
        switch upstreams[upstream].phase {
        case .waiting: deadline = now &+ pause(of: upstream)
        case .connecting:
            deadline = upstreams[upstream].connectStartedAt &+ plan.connectTimeout
        case .idle: deadline = now &+ plan.upstreamIdleTimeout
        case .active where isAwaitingUpstream(upstream): deadline = now &+ plan.responseTimeout
        case .active, .closed:
            timers.cancel(timer(of: upstream))
            return
        }
        timers.arm(timer(of: upstream), at: deadline)
    }

    func disarm(_ client: SlabIndex<ClientConnection>) { timers.cancel(timer(of: client)) }
    func disarm(_ upstream: SlabIndex<UpstreamConnection>) { timers.cancel(timer(of: upstream)) }

    /// Acts on a deadline that has passed.
    func expire(_ timer: Int) {
        if timer < plan.clients {
            let client = SlabIndex<ClientConnection>(UInt32(timer))
            if clients.isLive(client) { expire(client) }
        } else if timer < acceptTimer {
            let upstream = SlabIndex<UpstreamConnection>(UInt32(timer - plan.clients))
            if upstreams.isLive(upstream) { expire(upstream) }
        } else {
            resumeAccepting()
        }
    }

    private func expire(_ client: SlabIndex<ClientConnection>) {
        guard clients[client].output.isEmpty else {
            abandon(client, because: .sendTimeout)
            return
        }
        switch clients[client].phase {
        case .awaitingRequest, .lingering: close(client)
        case .awaitingProxyHeader where clients[client].input.isEmpty: close(client)
        case .readingHead, .awaitingProxyHeader: refuse(client, .failure(.headerTimeout))
        case .exchanging: expire(clients[client].exchange)
        case .multiplexing: expireSession(of: client)
        case .closing, .closed: break
        }
    }

    /// The client of an exchange has let a deadline pass.
    private func expire(_ exchange: SlabIndex<Exchange>) {
        if exchanges[exchange].stage == .tunnelled {
            metrics.failed(.tunnelTimeout)
            closeTunnel(exchange, .finish)
        } else if exchanges[exchange].stage == .queued {
            fail(exchange, because: .queueTimeout)
        } else if exchanges[exchange].continuation == .awaited {
            giveContinue(exchange)
        } else {
            fail(exchange, because: .bodyTimeout)
        }
    }

    private func expire(_ upstream: SlabIndex<UpstreamConnection>) {
        let exchange = upstreams[upstream].exchange
        switch upstreams[upstream].phase {
        case .idle: closeUpstream(upstream)
        case .active: fail(exchange, because: .responseTimeout)
        case .connecting: fail(exchange, because: .connectTimeout)
        case .waiting:
            let deadline = upstreams[upstream].connectStartedAt &+ plan.connectTimeout
            if upstreams[upstream].socket.isOpen, now >= deadline {
                fail(exchange, because: .connectTimeout)
            } else {
                retry(upstream)
            }
        case .closed: break
        }
    }

    /// How long both sides of a tunnel may be silent.
    ///
    /// One that has finished already leaves the other no longer than a connection without a
    /// request has.
    private func tunnelTimeout(of client: SlabIndex<ClientConnection>) -> UInt64 {
        let isHalfClosed = !exchanges[clients[client].exchange].finishedSides.isEmpty
        return isHalfClosed ? min(plan.idleTimeout, plan.tunnelTimeout) : plan.tunnelTimeout
    }

    /// How long the next part of a request body may take.
    private func bodyTimeout(of client: SlabIndex<ClientConnection>) -> UInt64 {
        exchanges[clients[client].exchange].continuation == .awaited
            ? Self.continueTimeout : plan.bodyTimeout
    }

    /// How long to wait before knocking at upstream again: half as long as the request has waited,
    /// within bounds, and a little longer for each of those that wait beside it.
    private func pause(of upstream: SlabIndex<UpstreamConnection>) -> UInt64 {
        guard !upstreams[upstream].socket.isOpen else { return Self.backlogPause }
        let exchange = upstreams[upstream].exchange
        let waited = now &- exchanges[exchange].refusedSince
        let pauses = Self.refusalPauses
        let pause = min(max(waited / 2, pauses.lowerBound), pauses.upperBound)
        return min(pause + pause / 64 * UInt64(upstream.rawValue % 16), waitLeft(for: exchange))
    }

    /// How much longer a request may be held while upstream refuses connections.
    func waitLeft(for exchange: SlabIndex<Exchange>) -> UInt64 {
        let waited = now &- exchanges[exchange].refusedSince
        return plan.upstreamWait &- min(waited, plan.upstreamWait)
    }

    /// Whether a client's request waits for a slot.
    func isQueued(_ client: SlabIndex<ClientConnection>) -> Bool {
        let exchange = clients[client].exchange
        return exchange != .none && exchanges[exchange].stage == .queued
    }

    /// Whether the next step of an exchange is the client's: it still owes a part of its request
    /// body.
    private func isAwaitingBody(_ client: SlabIndex<ClientConnection>) -> Bool {
        let exchange = clients[client].exchange
        let upstream = exchanges[exchange].upstream
        if exchanges[exchange].stage == .collecting { return true }
        return !exchanges[exchange].isRequestWhole && upstream != .none
            && upstreams[upstream].output.isEmpty && !upstreams[upstream].hasStoppedReading
    }

    /// Whether the next step of an exchange is upstream's: to take more of the request, or to
    /// answer.
    private func isAwaitingUpstream(_ upstream: SlabIndex<UpstreamConnection>) -> Bool {
        let exchange = upstreams[upstream].exchange
        let client = exchanges[exchange].client
        return exchanges[exchange].stage != .tunnelled && takesResponse(client)
            && !isAwaitingBody(client)
    }
}
