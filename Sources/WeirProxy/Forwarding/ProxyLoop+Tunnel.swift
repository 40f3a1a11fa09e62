// SPDX-License-Identifier: Apache-2.0

internal import WeirHTTP
internal import WeirIO

/// A tunnel is an exchange whose protocol is not HTTP any more: bytes go both ways, each way as fast
/// as its reader takes them, until both sides have finished, one breaks, or both are silent.
extension ProxyLoop {
    /// Switches protocols as upstream says (RFC 9110 §15.2.2).
    ///
    /// - Parameters:
    ///   - head: the 101.
    ///   - rest: what follows it; belongs to the new protocol already.
    ///   - exchange: whose request offered the switch.
    func openTunnel(
        _ head: BufferRange,
        _ rest: inout BufferRange,
        of exchange: SlabIndex<Exchange>
    ) {
        let protocols = responseHead.value.switchedProtocols
        guard !protocols.isEmpty, exchanges[exchange].offeredProtocols.isSuperset(of: protocols)
        else {
            fail(exchange, because: .unexpectedUpgrade)
            return
        }
        let client = exchanges[exchange].client
        exchanges[exchange].stage = .tunnelled
        exchanges[exchange].status = 101
        status.upstreamAnswered(at: now)
        metrics.requestTunnelled(exchanges[exchange].method)
        metrics.tunnelTransmitted(bytes: rest.count)
        var written = BufferRange(outbox, 0..<0)
        writeResponseHead(of: head, into: &written, of: exchange)
        let early = rest
        rest = rest.dropping(rest.count)
        sendResponse(written, early, .none, to: client)
        guard exchanges.isLive(exchange) else { return }
        // What the client has sent behind its request waits in its buffer or its socket.
        queue(client)
        armClient(client)
    }

    /// Whether a client's connection is one end of a tunnel.
    @inline(__always)
    func isTunnelled(_ client: SlabIndex<ClientConnection>) -> Bool {
        let exchange = clients[client].exchange
        return exchange != .none && exchanges[exchange].stage == .tunnelled
    }

    /// Passes on what the client has sent; upstream must have taken all that came before.
    func tunnelToUpstream(_ received: inout BufferRange, of exchange: SlabIndex<Exchange>) {
        let bytes = received
        received = received.dropping(received.count)
        metrics.tunnelReceived(bytes: bytes.count)
        sendRequest(bytes, .none, .none, on: exchanges[exchange].upstream)
        armClient(exchanges[exchange].client)
    }

    /// Passes on what upstream has sent; the client must have taken all that came before.
    func tunnelToClient(_ received: inout BufferRange, of exchange: SlabIndex<Exchange>) {
        let bytes = received
        received = received.dropping(received.count)
        metrics.tunnelTransmitted(bytes: bytes.count)
        let client = exchanges[exchange].client
        sendResponse(bytes, .none, .none, to: client)
        if exchanges.isLive(exchange) { armClient(client) }
    }

    /// Passes on that the client will send no more, once upstream has all that it sent.
    func finishClientSide(of exchange: SlabIndex<Exchange>) {
        let upstream = exchanges[exchange].upstream
        guard clients[exchanges[exchange].client].input.isEmpty,
            upstreams[upstream].output.isEmpty
        else { return }
        finish(.client, of: exchange) { upstreams[upstream].socket.finishSending() }
    }

    /// Passes on that upstream will send no more; the client has all that it sent.
    func finishUpstreamSide(of exchange: SlabIndex<Exchange>) {
        guard !upstreams[exchanges[exchange].upstream].hasStoppedReading else {
            closeTunnel(exchange, .linger)
            return
        }
        let client = exchanges[exchange].client
        finish(.upstream, of: exchange) {
            if !clients[client].isStream {
                clients[client].socket.finishSending()
            } else {
                endResponse(of: client)
            }
        }
    }

    private func finish(
        _ side: TunnelSides,
        of exchange: SlabIndex<Exchange>,
        _ passOn: () -> Void
    ) {
        guard exchanges[exchange].finishedSides.isDisjoint(with: side) else { return }
        exchanges[exchange].finishedSides.formUnion(side)
        if exchanges[exchange].finishedSides == .both {
            closeTunnel(exchange, .finish)
        } else {
            passOn()
            armClient(exchanges[exchange].client)
        }
    }

    /// Upstream takes no more bytes: it has gone, and may have said something before.
    func upstreamSideStoppedReading(of exchange: SlabIndex<Exchange>) {
        if exchanges[exchange].finishedSides.contains(.upstream) { closeTunnel(exchange, .linger) }
    }

    /// Closes both ends, the client's as it is told.
    func closeTunnel(_ exchange: SlabIndex<Exchange>, _ ending: ClientConnection.Ending) {
        let client = exchanges[exchange].client
        drop(exchange)
        clients[client].ending = ending
        end(client)
    }
}
