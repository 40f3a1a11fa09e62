// SPDX-License-Identifier: Apache-2.0

internal import WeirCompression
internal import WeirHTTP
internal import WeirIO

/// Bodies of responses that go on in gzip.
extension ProxyLoop {
    /// Bodies that one loop compresses at a time; each takes some 270 KiB meanwhile.
    static var deflatersMax: Int { 256 }
    /// How many of them are kept for the next ones.
    private static var idleDeflatersMax: Int { 16 }

    /// Decides what becomes of the body whose head was just parsed, and prepares head and exchange
    /// for it.
    ///
    /// - Parameters:
    ///   - received: where the head is.
    ///   - exchange: whose it is.
    /// - Returns: what becomes of the body; with ``Compression/gzip`` the exchange has a deflater.
    func settleCompression(
        of received: BufferRange,
        _ exchange: SlabIndex<Exchange>
    ) -> Compression {
        guard let level = plan.gzipLevel else { return .none }
        var compression = Compression.declined
        if exchanges[exchange].acceptsGzip, exchanges[exchange].knowsWeakTag,
            buffers.read(received, { responseHead.value.confirmsStrongTag($0) })
        {
            compression = .remembered
        } else if !buffers.read(received, { responseHead.value.isCompressible($0) }) {
            return .none
        } else if exchanges[exchange].acceptsGzip, mayLoseItsLength(exchange) {
            exchanges[exchange].deflater = takeDeflater(level: level)
            if exchanges[exchange].deflater == .none {
                metrics.compressionRefused()
            } else {
                metrics.compressionStarted()
                compression = .gzip
            }
        }
        buffers.read(received) { responseHead.value.prepare(for: compression, $0) }
        return compression
    }

    /// Without a length, and without chunks, HTTP/1.0 would lose the connection as well.
    private func mayLoseItsLength(_ exchange: SlabIndex<Exchange>) -> Bool {
        if exchanges[exchange].clientVersion != .http10 { return true }
        if case .counted = responseHead.value.framing { return false }
        return true
    }

    /// Sends on a part of a body, compressed.
    ///
    /// What upstream makes while it is read comes out together; what it makes and then pauses goes
    /// out at once.
    ///
    /// - Parameters:
    ///   - head: what is sent before it.
    ///   - portion: the part, as it came.
    ///   - exchange: whose it is; may have ended afterwards, when the client has left.
    func relayCompressed(
        _ head: BufferRange,
        _ portion: BodyPortion,
        of exchange: SlabIndex<Exchange>
    ) {
        let deflater = exchanges[exchange].deflater
        let ending = ending(of: portion, exchange)
        var head = head
        var source = portion.data
        while true {
            var piece = BodyPortion(rest: .none)
            let step =
                ending == .none && source.isEmpty
                ? .done : compress(source, into: &piece.data, deflater, ending)
            metrics.compressed(
                bytes: step == .done ? source.count : step.consumed,
                to: piece.data.count
            )
            if step == .done { piece.outcome = portion.outcome }
            let (body, end) = frame(&head, piece, as: exchanges[exchange].responseFraming)
            if head.count + body.count + end.count > 0 {
                // What the deflater has kept is sure to follow: upstream goes on, or has paused.
                let haste: Haste =
                    step != .done || deflaters[deflater].hasPending ? .withTheNext : .now
                sendResponse(head, body, end, to: exchanges[exchange].client, haste)
            }
            guard step != .done, exchanges.isLive(exchange) else { return }
            source = source.dropping(step.consumed)
            head = BufferRange(outbox, 0..<0)
        }
    }

    private func ending(
        of portion: BodyPortion,
        _ exchange: SlabIndex<Exchange>
    ) -> Deflater.Ending {
        if case .finished = portion.outcome { return .finish }
        let isPending =
            !portion.data.isEmpty || deflaters[exchanges[exchange].deflater].hasPending
        return isPending && !upstreams[exchanges[exchange].upstream].isReadable ? .flush : .none
    }

    private func compress(
        _ source: BufferRange,
        into target: inout BufferRange,
        _ deflater: SlabIndex<Deflater>,
        _ ending: Deflater.Ending
    ) -> Deflater.Step {
        var step = Deflater.Step.done
        target = BufferRange(deflated, 0..<0)
        buffers.append(to: &target, reading: source) { bytes, output in
            step = deflaters[deflater].compress(bytes, into: &output, ending)
        }
        return step
    }

    /// What is compressed of one body in a turn, since that takes as long as moving megabytes.
    ///
    /// More than one read: bodies that would fit, but for their head, would each hold a deflater
    /// while all others have their first turn, and none of them would be in the processor's cache.
    private static var compressedTurnBytesMax: Int { 2 * BufferPool.readSize }

    /// How many bytes of an upstream's may be taken in one turn.
    func turnShare(of upstream: SlabIndex<UpstreamConnection>) -> Int {
        guard plan.gzipLevel != nil,
            exchanges[upstreams[upstream].exchange].deflater != .none
        else { return Self.turnBytesMax }
        return Self.compressedTurnBytesMax
    }

    /// Sends on what the deflater has kept to itself, because upstream has paused.
    func flushCompressed(_ exchange: SlabIndex<Exchange>) {
        guard exchanges[exchange].stage == .relayingBody, exchanges[exchange].deflater != .none,
            deflaters[exchanges[exchange].deflater].hasPending
        else { return }
        relayCompressed(BufferRange(outbox, 0..<0), BodyPortion(rest: .none), of: exchange)
    }

    // MARK: Deflaters

    private func takeDeflater(level: Int) -> SlabIndex<Deflater> {
        if let deflater = idleDeflaters.popLast() {
            deflaters[deflater].reset()
            return deflater
        }
        guard let deflater = Deflater.make(level: level) else { return .none }
        return deflaters.insert(deflater) ?? .none
    }

    /// Takes the deflater off an exchange that has one.
    func giveBackDeflater(of exchange: SlabIndex<Exchange>) {
        let deflater = exchanges[exchange].deflater
        guard deflater != .none else { return }
        exchanges[exchange].deflater = .none
        if idleDeflaters.count < Self.idleDeflatersMax {
            idleDeflaters.append(deflater)
        } else {
            deflaters.retire(deflater)
        }
    }
}

extension Deflater.Step {
    /// How much of the input is taken where some is left.
    fileprivate var consumed: Int {
        switch self {
        case .done: 0
        case .outputFull(let consumed): consumed
        }
    }
}
