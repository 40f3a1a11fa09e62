// SPDX-License-Identifier: Apache-2.0

internal import WeirHTTP
internal import WeirHTTP2
internal import WeirIO

extension ProxyLoop {
    /// Acts on what the kernel reports of a client connection.
    func clientReady(_ client: SlabIndex<ClientConnection>, _ readiness: Readiness) {
        if !readiness.isDisjoint(with: [.error, .hangup]) {
            // Both ends of a tunnel can have finished while bytes are still to be read.
            guard isTunnelled(client), !readiness.contains(.error) else {
                clientIsGone(client)
                return
            }
            clients[client].isReadable = true
        }
        if readiness.contains(.peerClosed) {
            clients[client].hasFinished = true
            // Who leaves the queue is not served: the slot is for those who still wait.
            if isQueued(client), clients[client].input.isEmpty, clients[client].socket.isAtEnd {
                clientIsGone(client)
                return
            }
        }
        if !readiness.isDisjoint(with: [.readable, .peerClosed]) {
            clients[client].isReadable = true
        }
        if readiness.contains(.writable), !clients[client].output.isEmpty { flush(client) }
        readClient(client)
    }

    /// Reads as long as there is something to read and somebody to take it, up to its share of the
    /// turn.
    func readClient(_ client: SlabIndex<ClientConnection>) {
        var left = Self.turnBytesMax
        while clients[client].isReadable, wantsInput(client) {
            guard left > 0 else {
                queue(client)
                return
            }
            var (received, room) = readTarget(&clients[client].input)
            // Only bytes that are not a request can fill the largest buffer, and the parser has
            // refused those.
            guard room > 0 else {
                abandon(client, because: .outOfBuffers)
                return
            }
            switch buffers.receive(from: clients[client].socket, behind: &received, upTo: room) {
            case .bytes(let count):
                metrics.received(bytes: count)
                left -= count
                // Less than asked for: the socket is drained, and the next bytes are a new edge.
                // Except at the end, which has no edge of its own.
                if count < room, !clients[client].hasFinished { clients[client].isReadable = false }
                if received.buffer != inbox { clients[client].input = received }
                consume(received, newBytes: count, of: client)
            case .wouldBlock:
                clients[client].isReadable = false
            case .end:
                clients[client].isReadable = false
                clients[client].hasFinished = true
                clientHasFinished(client)
            case .failed:
                clientIsGone(client)
            }
        }
    }

    /// Whether bytes of the client have somewhere to go.
    func wantsInput(_ client: SlabIndex<ClientConnection>) -> Bool {
        switch clients[client].phase {
        case .lingering: return true
        case .awaitingProxyHeader, .awaitingRequest, .readingHead, .multiplexing:
            return clients[client].output.isEmpty
        case .closing, .closed: return false
        case .exchanging:
            let exchange = clients[client].exchange
            let isOwed =
                exchanges[exchange].stage == .tunnelled
                || !exchanges[exchange].isRequestWhole
                    && (clients[client].output.isEmpty || clients[client].isStream)
            return isOwed
                && (exchanges[exchange].stage == .collecting || upstreamTakesBytes(of: exchange))
        }
    }

    /// Whether what a client sends can go on at once.
    private func upstreamTakesBytes(of exchange: SlabIndex<Exchange>) -> Bool {
        let upstream = exchanges[exchange].upstream
        return upstream != .none && upstreams[upstream].phase == .active
            && upstreams[upstream].output.isEmpty && !upstreams[upstream].hasStoppedReading
    }

    /// Gives received bytes to whatever the connection is doing, and keeps what is left over.
    ///
    /// - Parameters:
    ///   - received: what was kept from before, and the new bytes behind it.
    ///   - newBytes: how many are new; 0 when kept bytes are looked at again.
    ///   - client: whose bytes they are.
    func consume(
        _ received: BufferRange,
        newBytes: Int,
        of client: SlabIndex<ClientConnection>
    ) {
        var rest = received
        switch clients[client].phase {
        case .awaitingProxyHeader: receiveProxyHeader(&rest, of: client)
        case .awaitingRequest:
            clients[client].phase = .readingHead
            clients[client].requestStartedAt = now
            receiveHead(&rest, of: client)
        case .readingHead:
            // A head is parsed again only when a line was completed: else one that drips in would
            // be parsed per byte.
            let new = rest.dropping(rest.count - newBytes)
            if newBytes == 0 || buffers.read(new, { $0.containsLineFeed })
                || rest.count >= plan.requestLimits.headBytes
            {
                receiveHead(&rest, of: client)
            }
        case .exchanging where isTunnelled(client):
            tunnelToUpstream(&rest, of: clients[client].exchange)
        case .exchanging:
            receiveBody(&rest, of: clients[client].exchange)
        case .multiplexing: receiveFrames(&rest, of: client)
        case .lingering, .closing, .closed: break
        }
        keepInput(rest, of: client)
        if clients[client].phase == .readingHead { armClient(client) }
    }

    /// Keeps bytes that were not consumed, in a buffer no larger than they need.
    private func keepInput(_ rest: BufferRange, of client: SlabIndex<ClientConnection>) {
        switch clients[client].phase {
        case .awaitingProxyHeader, .awaitingRequest, .readingHead, .exchanging, .multiplexing:
            break
        // Nothing of it will be looked at; what was kept is given back already.
        case .closing, .lingering, .closed: return
        }
        guard keep(rest, in: &clients[client].input) == .done else {
            abandon(client, because: .outOfBuffers)
            return
        }
        // The request was answered at once, and the next one may be here.
        if clients[client].phase == .awaitingRequest, !rest.isEmpty { queue(client) }
    }

    private func receiveHead(_ received: inout BufferRange, of client: SlabIndex<ClientConnection>)
    {
        if clients[client].spoken == nil {
            switch buffers.read(received, { HTTP2Session.matchesPreface($0) }) {
            case .partly: return
            case .whole:
                beginSession(&received, of: client)
                return
            case .not:
                clients[client].spoken = .http1
                metrics.connectionSpoke(.http1)
            }
        }
        switch buffers.read(received, { requestHead.value.parse($0) }) {
        case .incomplete: break
        case .refused(let error):
            let head = received
            received = received.dropping(received.count)
            refuse(client, .head(error), head)
        case .complete(let length):
            let head = received
            received = received.dropping(length)
            startExchange(head, &received, of: client)
        }
    }

    // MARK: Between requests

    /// Sees to it that a connection is looked at when the turn ends: it may have more to do without
    /// a new event.
    func queue(_ client: SlabIndex<ClientConnection>) {
        guard !clients[client].isQueued else { return }
        clients[client].isQueued = true
        clients[client].previousQueued = lastQueued
        clients[client].nextQueued = .none
        if lastQueued == .none {
            firstQueued = client
        } else {
            clients[lastQueued].nextQueued = client
        }
        lastQueued = client
    }

    /// Takes a connection out of the queue.
    func unqueue(_ client: SlabIndex<ClientConnection>) {
        guard clients[client].isQueued else { return }
        clients[client].isQueued = false
        let next = clients[client].nextQueued
        let previous = clients[client].previousQueued
        if previous == .none { firstQueued = next } else { clients[previous].nextQueued = next }
        if next == .none { lastQueued = previous } else { clients[next].previousQueued = previous }
    }

    /// Looks at each queued connection once; those that queue again wait for the next turn, so that
    /// one that pipelines does not keep the others waiting.
    func resumeQueuedClients() {
        let last = lastQueued
        while firstQueued != .none {
            let client = firstQueued
            unqueue(client)
            resume(client)
            if client == last { return }
        }
    }

    private func resume(_ client: SlabIndex<ClientConnection>) {
        if !clients[client].output.isEmpty, !clients[client].isStream { flush(client) }
        let exchange = clients[client].exchange
        if exchange != .none, exchanges[exchange].upstream != .none {
            resumeUpstream(exchanges[exchange].upstream)
        }
        guard clients[client].phase != .closed else { return }
        if clients[client].phase == .multiplexing {
            resumeSession(client)
            return
        }
        if clients[client].isStream {
            passOnInput(of: client)
            return
        }
        if isTunnelled(client) {
            resumeTunnel(client)
            return
        }
        guard clients[client].output.isEmpty else { return }
        if !clients[client].input.isEmpty, clients[client].phase == .awaitingRequest {
            consume(clients[client].input, newBytes: 0, of: client)
        }
        readClient(client)
        finishIfAtEnd(client)
        closeIfIdle(client)
    }

    /// Goes on with what the client of a tunnel sent while upstream did not take it.
    private func resumeTunnel(_ client: SlabIndex<ClientConnection>) {
        if !clients[client].input.isEmpty, upstreamTakesBytes(of: clients[client].exchange) {
            consume(clients[client].input, newBytes: 0, of: client)
        }
        readClient(client)
        finishIfAtEnd(client)
    }

    private func finishIfAtEnd(_ client: SlabIndex<ClientConnection>) {
        if clients[client].hasFinished, !clients[client].isReadable { clientHasFinished(client) }
    }

    /// The client will send no more.
    ///
    /// One that has sent its request whole may still wait for the answer (RFC 9112 §9.5 leaves that
    /// open, and netcat does it); one that owes a part of it cannot get one.
    private func clientHasFinished(_ client: SlabIndex<ClientConnection>) {
        switch clients[client].phase {
        case .awaitingProxyHeader, .awaitingRequest, .lingering: close(client)
        case .readingHead:
            metrics.clientAborted(.head)
            close(client)
        case .exchanging where isTunnelled(client):
            finishClientSide(of: clients[client].exchange)
        case .exchanging:
            if !exchanges[clients[client].exchange].isRequestWhole { clientIsGone(client) }
        case .multiplexing: clientIsGone(client)
        case .closing, .closed: break
        }
    }
}
