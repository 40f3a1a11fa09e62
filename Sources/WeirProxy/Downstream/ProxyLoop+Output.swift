// SPDX-License-Identifier: Apache-2.0

internal import WeirHTTP
internal import WeirIO

/// What goes to a client, and what waits until it takes it.
extension ProxyLoop {
    /// Sends parts of a response, and keeps what the client does not take yet.
    ///
    /// - Parameters:
    ///   - head: the first part; any part may be empty, not all of them.
    ///   - body: what follows it.
    ///   - ending: what follows that.
    ///   - client: where to.
    ///   - haste: whether it may wait for what is sent next.
    func sendResponse(
        _ head: BufferRange,
        _ body: BufferRange,
        _ ending: BufferRange,
        to client: SlabIndex<ClientConnection>,
        _ haste: Haste = .now
    ) {
        guard !clients[client].isStream else {
            respond(head, body, ending, to: client)
            return
        }
        let total = head.count + body.count + ending.count
        var sent = 0
        // What is kept goes first.
        if clients[client].output.isEmpty {
            switch buffers.send(head, body, ending, to: clients[client].socket, haste) {
            case .bytes(let count):
                metrics.transmitted(bytes: count)
                sent = count
            case .wouldBlock, .end: break
            case .failed:
                clientIsGone(client)
                return
            }
            guard sent < total else { return }
        }
        keepResponse(head, body, ending, dropping: sent, for: client)
    }

    /// Keeps parts of a response until the client takes them.
    ///
    /// - Returns: whether there was room; else the client was given up.
    @discardableResult
    func keepResponse(
        _ head: BufferRange,
        _ body: BufferRange,
        _ ending: BufferRange,
        dropping count: Int = 0,
        for client: SlabIndex<ClientConnection>
    ) -> Keeping {
        let isFirst = clients[client].output.isEmpty
        let kept = append(
            head,
            body,
            ending,
            dropping: count,
            to: &clients[client].output,
            within: isBuffered(client) ? plan.responseBuffer : 0
        )
        guard kept == .done else {
            abandon(client, because: .outOfBuffers)
            return kept
        }
        if isFirst {
            clients[client].outputTakenAt = now
            armClient(client)
        }
        return .done
    }

    /// Whether a client may get behind with its response; heads, and what goes through a tunnel, wait
    /// for it.
    func isBuffered(_ client: SlabIndex<ClientConnection>) -> Bool {
        let exchange = clients[client].exchange
        guard exchange != .none else { return false }
        switch exchanges[exchange].stage {
        case .relayingBody, .answered: return true
        case .collecting, .queued, .awaitingHead, .tunnelled: return false
        }
    }

    /// Whether more of a response may be read for a client.
    func takesResponse(_ client: SlabIndex<ClientConnection>) -> Bool {
        clients[client].output.isEmpty
            || isBuffered(client)
                && hasRoom(clients[client].output, within: plan.responseBuffer)
    }

    /// Sends what the client did not take before.
    func flush(_ client: SlabIndex<ClientConnection>) {
        let (sent, halt) = flush(&clients[client].output, to: clients[client].socket)
        metrics.transmitted(bytes: sent)
        if sent > 0 { clients[client].outputTakenAt = now }
        switch halt {
        case .emptied: outputIsSent(client)
        case .failed: clientIsGone(client)
        case .blocked, .paused:
            if halt == .paused { queue(client) }
            armClient(client)
            // There is room again, perhaps.
            let exchange = clients[client].exchange
            if exchange != .none, exchanges[exchange].upstream != .none {
                resumeUpstream(exchanges[exchange].upstream)
            }
        }
    }

    private func outputIsSent(_ client: SlabIndex<ClientConnection>) {
        let exchange = clients[client].exchange
        if clients[client].phase == .multiplexing {
            writeFrames(of: client)
        } else if clients[client].phase == .closing {
            end(client)
        } else if exchange != .none {
            if exchanges[exchange].stage == .answered {
                finish(exchange)
            } else {
                armClient(client)
                resumeUpstream(exchanges[exchange].upstream)
            }
        }
    }
}
