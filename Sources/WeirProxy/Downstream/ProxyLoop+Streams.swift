// SPDX-License-Identifier: Apache-2.0

internal import WeirHTTP
internal import WeirHTTP2
internal import WeirIO

/// What a stream of HTTP/2 does where a connection would use its socket.
extension ProxyLoop {
    // MARK: The request

    /// Takes a part of a request's body, or of a tunnel.
    ///
    /// What nobody takes yet is kept, never more than the stream's window: the client may send more
    /// only as it is taken.
    func receiveBody(_ bytes: BufferRange, of client: SlabIndex<ClientConnection>) {
        guard clients[client].phase == .exchanging else { return }
        clients[client].unconsumed += UInt32(bytes.count)
        if clients[client].input.isEmpty, wantsInput(client) {
            consume(bytes, newBytes: bytes.count, of: client)
        } else {
            let room = buffers.makeRoom(behind: &clients[client].input, for: bytes.count)
            guard room >= bytes.count else {
                abandon(client, because: .outOfBuffers)
                return
            }
            buffers.append(to: &clients[client].input, copying: bytes)
        }
        openWindow(of: client)
    }

    /// Goes on with what a stream's client has sent, if somebody takes it now.
    func passOnInput(of client: SlabIndex<ClientConnection>) {
        guard clients[client].phase == .exchanging else { return }
        if !clients[client].input.isEmpty, wantsInput(client) {
            consume(clients[client].input, newBytes: 0, of: client)
            openWindow(of: client)
        }
        guard clients[client].phase == .exchanging, clients[client].hasFinished,
            clients[client].input.isEmpty
        else { return }
        let exchange = clients[client].exchange
        if isTunnelled(client) {
            finishClientSide(of: exchange)
        } else if wantsInput(client) {
            endRequestBody(of: exchange)
        }
    }

    /// Lets the client send as much as was taken.
    private func openWindow(of client: SlabIndex<ClientConnection>) {
        guard clients[client].phase == .exchanging else { return }
        let taken = Int(clients[client].unconsumed) - clients[client].input.count
        guard taken > 0 else { return }
        clients[client].unconsumed -= UInt32(taken)
        let session = clients[client].session
        sessions[session].session.consume(taken, of: clients[client].stream)
        queue(sessions[session].client)
    }

    // MARK: The response

    /// Sends parts of a response, the head first; frames are made of them when the turn ends.
    func respond(
        _ head: BufferRange,
        _ body: BufferRange,
        _ ending: BufferRange,
        to client: SlabIndex<ClientConnection>
    ) {
        let session = clients[client].session
        let stream = clients[client].stream
        var head = head
        if !clients[client].hasResponded {
            let exchange = clients[client].exchange
            let content: MessageContent =
                exchange != .none && exchanges[exchange].method == .head ? .none : .expected
            let (length, isFinal) = buffers.read(head) { bytes in
                sessions[session].session.respond(bytes, on: stream, content)
            }
            head = head.dropping(length)
            clients[client].hasResponded = isFinal
        }
        queue(sessions[session].client)
        let count = head.count + body.count + ending.count
        guard count > 0, keepResponse(head, body, ending, for: client) == .done else { return }
        sessions[session].session.offer(count, on: stream)
    }

    /// Nothing will follow what was sent of a response.
    func endResponse(of client: SlabIndex<ClientConnection>) {
        let session = clients[client].session
        let exchange = clients[client].exchange
        let stream = clients[client].stream
        queue(sessions[session].client)
        guard exchange != .none, !exchanges[exchange].responseTrailers.isEmpty else {
            sessions[session].session.endResponse(on: stream)
            return
        }
        settleTrailers(&exchanges[exchange].responseTrailers)
        buffers.read(exchanges[exchange].responseTrailers) { lines in
            sessions[session].session.endResponse(on: stream, trailers: lines)
        }
    }

    /// Makes known that a response is not whole.
    func cutResponse(of client: SlabIndex<ClientConnection>) {
        guard clients[client].isStream else { return }
        let session = clients[client].session
        sessions[session].session.reset(clients[client].stream, .internalError)
        discard(&clients[client].output)
        queue(sessions[session].client)
    }

    // MARK: The end

    /// Ends a stream behind what was sent on it, or at once.
    func endStream(_ client: SlabIndex<ClientConnection>) {
        switch clients[client].ending {
        case .finish, .linger:
            clients[client].phase = .closing
            endResponse(of: client)
        case .reset: close(client)
        }
    }
}
