// SPDX-License-Identifier: Apache-2.0

import WeirHTTP

/// What comes of a body: its data, how it ended, and where.
struct BodyReading: Equatable {
    var data: [UInt8] = []
    var end: Int?
    var error: BodyError?

    /// Feeds `bytes` to a reader in pieces that end at `cuts`, each in an allocation of its own.
    init(_ bytes: [UInt8], _ reader: BodyReader, cuts: [Int]) {
        var reader = reader
        var start = 0
        for cut in cuts + [bytes.count] {
            let piece = Array(bytes[start..<cut])
            if feed(piece.span, at: start, &reader) { return }
            start = cut
        }
    }

    /// Feeds `bytes` one by one.
    init(oneByOne bytes: [UInt8], _ reader: BodyReader) {
        var reader = reader
        for start in bytes.indices {
            let piece = bytes.span.extracting(start..<(start + 1))
            if feed(piece, at: start, &reader) { return }
        }
        _ = feed(bytes.span.extracting(first: 0), at: bytes.count, &reader)
    }

    /// Whether the body has ended in one way or the other.
    private mutating func feed(
        _ piece: Span<UInt8>,
        at start: Int,
        _ reader: inout BodyReader
    ) -> Bool {
        var offset = 0
        while true {
            let before = offset
            let step = reader.next(piece.octets, from: &offset)
            require(before <= offset && offset <= piece.count, "an offset is out of bounds")
            switch step {
            case .data(let range):
                require(
                    !range.isEmpty && before <= range.lowerBound && range.upperBound == offset,
                    "data is empty, or not what was consumed"
                )
                for place in range { data.append(piece[place]) }
            case .trailers(let range):
                require(
                    !range.isEmpty && before <= range.lowerBound && range.upperBound <= offset,
                    "trailers are empty, or not among what was consumed"
                )
            case .needsMore:
                require(offset == piece.count, "more is needed and some is left")
                require(!reader.isFinished, "a body that is finished needs more")
                return false
            case .finished(let end):
                require(end == offset, "the end is not where reading stopped")
                require(reader.isFinished && reader.endOfInput() == .complete, "it has no end")
                self.end = start + end
                requireSame(step, piece, &offset, &reader)
                return true
            case .refused(let error):
                require(
                    !reader.isFinished && reader.endOfInput() == .truncated,
                    "a refused body counts as complete"
                )
                self.error = error
                requireSame(step, piece, &offset, &reader)
                return true
            }
        }
    }

    /// Once finished or refused, the answer stays the same and nothing is consumed.
    private func requireSame(
        _ step: BodyReader.Step,
        _ piece: Span<UInt8>,
        _ offset: inout Int,
        _ reader: inout BodyReader
    ) {
        let before = offset
        require(reader.next(piece.octets, from: &offset) == step, "a final answer is taken back")
        require(offset == before, "something is consumed behind the end")
    }
}
