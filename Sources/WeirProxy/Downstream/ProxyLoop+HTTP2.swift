// SPDX-License-Identifier: Apache-2.0

internal import WeirHTTP
internal import WeirHTTP2
internal import WeirIO

/// Connections that speak HTTP/2: what they send goes into their session, what the session writes
/// goes out once a turn, whatever number of streams it is for.
extension ProxyLoop {
    // MARK: Reading

    /// The preface has come: from here on the connection speaks HTTP/2.
    func beginSession(_ received: inout BufferRange, of client: SlabIndex<ClientConnection>) {
        guard let session = HTTP2Session(engine),
            let index = sessions.insert(HTTP2Connection(session: session, client: client, at: now))
        else {
            abandon(client, because: .outOfBuffers)
            return
        }
        clients[client].session = index
        clients[client].phase = .multiplexing
        clients[client].spoken = .http2
        metrics.connectionSpoke(.http2)
        receiveFrames(&received, of: client)
        if stage == .draining { announceEnd(to: client) }
    }

    /// Takes what has come on a connection, and acts on what it brings.
    func receiveFrames(_ received: inout BufferRange, of client: SlabIndex<ClientConnection>) {
        let session = clients[client].session
        if !sessions[session].session.isReadingHead { sessions[session].headStartedAt = now }
        buffers.read(received) { sessions[session].session.receive($0, at: now) }
        actOnEvents(received, of: session)
        received = received.dropping(received.count)
        // What it has to say goes out when the turn ends, with what other streams have to say.
        queue(client)
        armClient(client)
    }

    private func actOnEvents(_ input: BufferRange, of session: SlabIndex<HTTP2Connection>) {
        var position = 0
        while position < engine.eventCount {
            act(onEvent: position, input, of: session)
            position += 1
        }
        engine.forgetEvents()
    }

    private func act(
        onEvent position: Int,
        _ input: BufferRange,
        of session: SlabIndex<HTTP2Connection>
    ) {
        switch engine.event(position) {
        case .head(let stream, let text):
            // A request without a body is whole with its head.
            let isWhole =
                position + 1 < engine.eventCount
                && engine.event(position + 1) == .requestEnded(stream)
            beginRequest(text, isWhole ? .none : .expected, on: stream, of: session)
        case .oversizedHead(let stream): refuseOversized(stream, of: session)
        case .body(let stream, let extent):
            guard let client = owner(of: stream, session) else { return }
            receiveBody(input.extracting(extent.range), of: client)
        case .trailers(let stream, let text):
            guard let client = owner(of: stream, session), clients[client].exchange != .none
            else { return }
            var lines = BufferRange(translated, 0..<0)
            engine.read(text) { buffers.append(to: &lines, copying: $0) }
            keepRequestTrailers(lines, of: clients[client].exchange)
        case .requestEnded(let stream):
            guard let client = owner(of: stream, session) else { return }
            clients[client].hasFinished = true
            passOnInput(of: client)
        case .responseEnded(let stream):
            guard let client = owner(of: stream, session) else { return }
            // The rest of the request is not needed (RFC 9113 §8.1), except of a tunnel.
            if !clients[client].hasFinished, !isTunnelled(client) {
                sessions[session].session.reset(stream, .noError)
            }
        case .closed(let stream): streamIsOver(stream, of: session)
        case .pingAnswered:
            if sessions[session].farewell == .announced {
                sessions[session].farewell = .said
                sessions[session].session.goAway()
            }
        case .failed(let error): metrics.failed(error)
        }
    }

    private func owner(
        of stream: StreamHandle,
        _ session: SlabIndex<HTTP2Connection>
    ) -> SlabIndex<ClientConnection>? {
        sessions[session].session.owner(of: stream).map { SlabIndex($0) }
    }

    /// The connection that a client is, or is a stream of.
    func connection(of client: SlabIndex<ClientConnection>) -> SlabIndex<ClientConnection> {
        !clients[client].isStream ? client : sessions[clients[client].session].client
    }

    // MARK: Requests

    private func beginRequest(
        _ text: StreamEvent.Extent,
        _ content: MessageContent,
        on stream: StreamHandle,
        of session: SlabIndex<HTTP2Connection>
    ) {
        // Who takes a request back at once has not made any work with it.
        guard !sessions[session].session.isOver(stream) else {
            metrics.clientAborted(.head)
            return
        }
        guard let client = openStream(stream, of: session) else { return }
        clients[client].hasFinished = content == .none
        var head = BufferRange(translated, 0..<0)
        engine.read(text) { buffers.append(to: &head, copying: $0) }
        switch buffers.read(head, { requestHead.value.parseTranslated($0) }) {
        case .refused(let error): refuse(client, .head(error), head)
        case .complete(let length) where length == head.count:
            var rest = head.dropping(length)
            startExchange(head, &rest, of: client)
        case .complete, .incomplete:
            // Fields that make more than one head, or less, are none that HTTP has.
            metrics.failed(.streamError)
            close(client)
        }
    }

    private func refuseOversized(_ stream: StreamHandle, of session: SlabIndex<HTTP2Connection>) {
        metrics.failed(HTTP2Error.headerListTooLarge)
        guard let client = openStream(stream, of: session) else { return }
        refuse(client, .head(.headTooLong))
    }

    /// Makes a client of a stream.
    private func openStream(
        _ stream: StreamHandle,
        of session: SlabIndex<HTTP2Connection>
    ) -> SlabIndex<ClientConnection>? {
        let connection = sessions[session].client
        var record = ClientConnection(
            socket: .closed,
            address: clients[connection].address,
            trust: clients[connection].trust,
            port: clients[connection].port,
            localPort: clients[connection].localPort,
            phase: .readingHead,
            requestStartedAt: sessions[session].headStartedAt
        )
        record.session = session
        record.stream = stream
        // The next head began later.
        sessions[session].headStartedAt = now
        // Each request may need a descriptor towards upstream; connections of HTTP/2 need none.
        let requestsMax = connectionCount - sessions.count + streamCount
        guard requestsMax < plan.connections, let client = clients.insert(record) else {
            sessions[session].session.reset(stream, .refusedStream)
            metrics.failed(.tooManyStreams)
            return nil
        }
        streamCount += 1
        sessions[session].session.setOwner(of: stream, to: client.rawValue)
        return client
    }

    private func streamIsOver(_ stream: StreamHandle, of session: SlabIndex<HTTP2Connection>) {
        if sessions[session].session.openStreamCount == 0 { sessions[session].idleSince = now }
        if let client = owner(of: stream, session) {
            let exchange = clients[client].exchange
            if exchange == .none {
                close(client)
            } else if exchanges[exchange].stage != .answered || !clients[client].output.isEmpty {
                clientIsGone(client)
            } else if clients[sessions[session].client].output.isEmpty {
                finish(exchange)
            } else {
                sessions[session].hasUnsettledStreams = true
                return
            }
        }
        sessions[session].session.release(stream)
    }

    /// Ends the exchanges whose last bytes the client has taken now.
    private func settleStreams(of client: SlabIndex<ClientConnection>) {
        let session = clients[client].session
        guard sessions[session].hasUnsettledStreams else { return }
        sessions[session].hasUnsettledStreams = false
        for client in streams(of: client) {
            let stream = clients[client].stream
            guard sessions[session].session.isClosed(stream) else { continue }
            finish(clients[client].exchange)
            sessions[session].session.release(stream)
        }
    }

    // MARK: Writing

    /// Goes on with a connection that was put into the queue.
    func resumeSession(_ client: SlabIndex<ClientConnection>) {
        writeFrames(of: client)
        if clients[client].phase != .closed { readClient(client) }
    }

    /// Writes what the session has to say, once the client has taken what it said before.
    func writeFrames(of client: SlabIndex<ClientConnection>) {
        let session = clients[client].session
        if clients[client].output.isEmpty { settleStreams(of: client) }
        var left = Self.turnBytesMax
        while clients[client].output.isEmpty, sessions[session].session.hasOutput {
            guard left > 0 else {
                queue(client)
                break
            }
            var batch = BufferRange(outbox, 0..<0)
            buffers.append(to: &batch) { sessions[session].session.write(into: &$0, at: now) }
            if !fillGaps(of: session, in: batch) {
                clientIsGone(client)
            } else if !batch.isEmpty {
                sendResponse(batch, .none, .none, to: client)
            }
            guard clients[client].phase == .multiplexing else {
                // What has happened in a session that is gone concerns nobody, least of all the next.
                engine.forgetEvents()
                return
            }
            actOnEvents(.none, of: session)
            left -= batch.count
            if batch.isEmpty { break }
        }
        finishSessionIfDone(client)
        if clients[client].phase == .multiplexing { armClient(client) }
    }

    /// Puts the bytes of responses where the session has left room for them.
    private func fillGaps(of session: SlabIndex<HTTP2Connection>, in batch: BufferRange) -> Bool {
        for position in 0..<engine.gapCount {
            let gap = engine.gap(position)
            guard let client = owner(of: gap.stream, session),
                take(into: batch.extracting(gap.extent.range), from: &clients[client].output)
            else { return false }
            clients[client].outputTakenAt = now
            armClient(client)
            // There is room for more of it.
            let exchange = clients[client].exchange
            if exchange != .none, exchanges[exchange].upstream != .none { queue(client) }
        }
        return true
    }

    // MARK: The end

    /// Tells a client at a drain that it should go, and serves what it had sent by then.
    func announceEnd(to client: SlabIndex<ClientConnection>) {
        let session = clients[client].session
        guard sessions[session].farewell == .none else { return }
        sessions[session].farewell = .announced
        sessions[session].session.announceEnd()
        sessions[session].session.ping()
        queue(client)
    }

    /// Ends a connection that has nothing more to do, or has broken the rules.
    private func finishSessionIfDone(_ client: SlabIndex<ClientConnection>) {
        let session = clients[client].session
        guard clients[client].output.isEmpty, !sessions[session].session.hasOutput else { return }
        switch sessions[session].session.stage {
        case .broken: endSession(of: client)
        case .ending where sessions[session].session.openStreamCount == 0: endSession(of: client)
        case .serving where sessions[session].session.isLeftByClient: endSession(of: client)
        case .serving, .ending: break
        }
    }

    private func endSession(of client: SlabIndex<ClientConnection>) {
        leaveSession(client)
        clients[client].phase = .closing
        clients[client].ending = .linger
        end(client)
    }

    /// Parts a connection from its session and its streams, or a stream from its session.
    func leaveSession(_ client: SlabIndex<ClientConnection>) {
        let session = clients[client].session
        guard !clients[client].isStream else {
            sessions[session].session.reset(clients[client].stream, .cancel)
            sessions[session].session.setOwner(of: clients[client].stream, to: nil)
            streamCount -= 1
            queue(sessions[session].client)
            return
        }
        for stream in streams(of: client) { clientIsGone(stream) }
        clients[client].session = .none
        sessions.retire(session)
    }

    /// The streams of a connection; none where it speaks HTTP/1.
    func streams(of client: SlabIndex<ClientConnection>) -> [SlabIndex<ClientConnection>] {
        guard clients[client].phase == .multiplexing else { return [] }
        return sessions[clients[client].session].session.owners.map { SlabIndex($0) }
    }

    // MARK: Deadlines

    /// By when something has to come on a connection; never while its streams are served, which have
    /// deadlines of their own.
    func sessionDeadline(of client: SlabIndex<ClientConnection>) -> UInt64 {
        let session = clients[client].session
        if sessions[session].session.isReadingHead {
            return sessions[session].headStartedAt &+ plan.headerTimeout
        }
        guard sessions[session].session.openStreamCount == 0 else { return .max }
        return sessions[session].idleSince &+ plan.idleTimeout
    }

    /// A connection has let its deadline pass.
    func expireSession(of client: SlabIndex<ClientConnection>) {
        let session = clients[client].session
        let isReadingHead = sessions[session].session.isReadingHead
        if isReadingHead { metrics.failed(.headerTimeout) }
        sessions[session].session.goAway()
        writeFrames(of: client)
        // Nothing can come behind a head that does not end.
        if isReadingHead, clients[client].phase == .multiplexing { endSession(of: client) }
    }
}
