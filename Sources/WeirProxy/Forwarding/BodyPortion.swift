// SPDX-License-Identifier: Apache-2.0

internal import WeirHTTP
internal import WeirIO

/// What received bytes hold of a message's body.
struct BodyPortion: BitwiseCopyable {
    /// How the body goes on.
    enum Outcome: BitwiseCopyable {
        /// More of it is to come.
        case more
        /// It ends here.
        case finished
        /// It is not a body.
        case refused(BodyError)
    }

    /// The body's bytes, in one piece, without their framing.
    var data = BufferRange.none
    /// Lines of the trailer section, as they came: none of them goes on unseen.
    var trailers = BufferRange.none
    /// What follows the body.
    var rest: BufferRange
    var outcome = Outcome.more
}

extension ProxyLoop {
    /// Takes a body's bytes out of received ones.
    ///
    /// Chunks are moved together, so that they go on as one.
    func takeBody(_ reader: inout BodyReader, from received: BufferRange) -> BodyPortion {
        var portion = BodyPortion(rest: received.dropping(received.count))
        var offset = 0
        while true {
            switch buffers.read(received, { reader.next($0, from: &offset) }) {
            case .data(let range):
                join(received.extracting(range), to: &portion)
                // Most bodies end with their first piece.
                guard reader.isFinished else { continue }
                portion.rest = received.dropping(offset)
                portion.outcome = .finished
            case .trailers(let range):
                portion.trailers = received.extracting(range)
                continue
            case .needsMore: break
            case .finished(let end):
                portion.rest = received.dropping(end)
                portion.outcome = .finished
            case .refused(let error): portion.outcome = .refused(error)
            }
            return portion
        }
    }

    private func join(_ piece: BufferRange, to portion: inout BodyPortion) {
        if portion.data.isEmpty {
            portion.data = piece
        } else {
            if portion.data.end != piece.start { buffers.move(piece, to: portion.data.upperBound) }
            portion.data.end &+= UInt32(piece.count)
        }
    }

    /// Puts a body's bytes behind a head, framed.
    ///
    /// Small ones are copied there, so that head and body leave as one piece; a large one stays
    /// where it is.
    ///
    /// - Parameters:
    ///   - head: what is sent before the body; its buffer must have room for ``framedBytesMax(_:)``
    ///     more.
    ///   - portion: the body's bytes.
    ///   - framing: how they go on.
    ///   - trailers: lines that may go on behind the last chunk.
    /// - Returns: what is sent after `head`: the bytes that were not copied, and what ends them.
    func frame(
        _ head: inout BufferRange,
        _ portion: BodyPortion,
        as framing: MessageFraming,
        trailers: BufferRange = .none
    ) -> (body: BufferRange, ending: BufferRange) {
        if case .chunked = framing { return frameChunk(&head, portion, trailers) }
        guard portion.data.count <= Self.copiedBodyMax else { return (portion.data, .none) }
        buffers.append(to: &head, copying: portion.data)
        return (.none, .none)
    }

    private func frameChunk(
        _ head: inout BufferRange,
        _ portion: BodyPortion,
        _ trailers: BufferRange
    ) -> (body: BufferRange, ending: BufferRange) {
        let count = portion.data.count
        if count > 0 { buffers.append(to: &head) { ChunkWriter.writeSizeLine(count, into: &$0) } }
        let isCopied = count <= Self.copiedBodyMax
        if isCopied { buffers.append(to: &head, copying: portion.data) }
        var ending = BufferRange(head.buffer, head.upperBound..<head.upperBound)
        buffers.append(to: &ending) { output in
            if count > 0 { ChunkWriter.writeLineEnd(into: &output) }
            if case .finished = portion.outcome { ChunkWriter.writeLastChunk(into: &output) }
        }
        if case .finished = portion.outcome {
            buffers.append(to: &ending, copying: trailers)
            buffers.append(to: &ending) { ChunkWriter.writeLineEnd(into: &$0) }
        }
        guard isCopied else { return (portion.data, ending) }
        head.end = ending.end
        return (.none, .none)
    }

    /// Copying this many bytes costs less than a send of several parts (performance notes §3).
    static var copiedBodyMax: Int { 4_096 }
    /// How much ``frame(_:_:as:)`` appends at most: a small body and the lines around a chunk.
    static func framedBytesMax(_ portion: BodyPortion) -> Int {
        min(portion.data.count, copiedBodyMax) + ChunkWriter.sizeLineBytesMax
            + ChunkWriter.lineEndBytes + ChunkWriter.lastChunkBytes
    }
}
