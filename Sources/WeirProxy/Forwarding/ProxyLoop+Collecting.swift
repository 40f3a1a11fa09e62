// SPDX-License-Identifier: Apache-2.0

internal import WeirHTTP
internal import WeirIO

/// A request whose body comes later than its head is collected before gunicorn is bothered: a slow
/// client keeps weir waiting, not a worker.
extension ProxyLoop {
    /// Whether a request is collected: its body has not all come, and there is room for it as far as
    /// its length is known.
    func isCollected(_ exchange: SlabIndex<Exchange>) -> Bool {
        guard !exchanges[exchange].isRequestWhole, plan.requestBuffer > 0 else { return false }
        if case .counted(let length) = exchanges[exchange].requestFraming {
            return length <= UInt64(plan.requestBuffer) + UInt64(plan.spillLimit)
        }
        return true
    }

    /// Begins to collect.
    ///
    /// - Parameters:
    ///   - headBytes: the head as it came, and what follows it.
    ///   - headLength: how long the head is.
    ///   - portion: what has come of the body.
    ///   - exchange: whose request it is.
    func beginCollecting(
        _ headBytes: BufferRange,
        headLength: Int,
        _ portion: BodyPortion,
        of exchange: SlabIndex<Exchange>
    ) {
        var room = 0
        // Head and small body go on as one piece.
        if case .counted(let length) = exchanges[exchange].requestFraming {
            room = Int(min(length, UInt64(Self.copiedBodyMax)))
        }
        let size = forwardedHeadSize(headLength) + max(room, ChunkWriter.sizeLineBytesMax)
        guard let own = buffers.take(size) else {
            fail(exchange, because: .outOfBuffers)
            return
        }
        var head = BufferRange(own, 0..<0)
        writeHead(of: headBytes, into: &head, of: exchange, framing: nil)
        exchanges[exchange].head = head
        exchanges[exchange].stage = .collecting
        if exchanges[exchange].continuation == .awaited { giveContinue(exchange) }
        if exchanges.isLive(exchange) { collect(portion, of: exchange) }
    }

    /// Keeps a part of a body, and sends the request on when it is whole, or when there is no room
    /// for more.
    func collect(_ portion: BodyPortion, of exchange: SlabIndex<Exchange>) {
        let limit = plan.requestBuffer
        guard append(portion.data, to: &exchanges[exchange].request, within: limit) == .done else {
            fail(exchange, because: .outOfBuffers)
            return
        }
        if exchanges[exchange].isRequestWhole {
            submit(exchange, as: .counted(exchanges[exchange].requestBodyBytes))
        } else if !hasRoom(exchanges[exchange].request, within: limit) {
            submit(exchange, as: exchanges[exchange].requestFraming)
        }
        if exchanges.isLive(exchange) { armClient(exchanges[exchange].client) }
    }

    /// Sends on what was collected, when it is its turn.
    ///
    /// - Parameters:
    ///   - exchange: whose request it is.
    ///   - framing: how its body goes on: in chunks only if more is to come.
    private func submit(_ exchange: SlabIndex<Exchange>, as framing: MessageFraming) {
        exchanges[exchange].readyAt = now
        exchanges[exchange].stage = .awaitingHead
        var head = exchanges[exchange].head
        exchanges[exchange].head = .none
        let count = exchanges[exchange].requestBodyBytes
        buffers.append(to: &head) { output in
            RequestHead.writeEnd(of: framing, into: &output)
            if case .chunked = framing, count > 0 {
                ChunkWriter.writeSizeLine(Int(count), into: &output)
            }
        }
        guard join(head, framing, of: exchange) == .done else {
            fail(exchange, because: .outOfBuffers)
            return
        }
        if case .admitted = admit(exchange) { sendKept(exchange) }
    }

    /// Puts the head in front of the body.
    private func join(
        _ head: BufferRange,
        _ framing: MessageFraming,
        of exchange: SlabIndex<Exchange>
    ) -> Keeping {
        if case .chunked = framing {
            var lineEnd = BufferRange(outbox, 0..<0)
            if exchanges[exchange].requestBodyBytes > 0 {
                buffers.append(to: &lineEnd) { ChunkWriter.writeLineEnd(into: &$0) }
            }
            prepend(head, to: &exchanges[exchange].request)
            return append(lineEnd, to: &exchanges[exchange].request)
        }
        let body = exchanges[exchange].request
        guard body.file == .none, head.count + body.chain.count <= buffers.size(of: head.buffer),
            mayBeRepeated(exchange, size: head.count + body.chain.count)
        else {
            prepend(head, to: &exchanges[exchange].request)
            return .done
        }
        var request = head
        buffers.append(to: &request, copying: body.chain)
        discard(&exchanges[exchange].request)
        exchanges[exchange].replay = request
        return .done
    }
}
