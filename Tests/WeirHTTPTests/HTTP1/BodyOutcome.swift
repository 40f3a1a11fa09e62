// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import WeirHTTP

/// What came of a body: its data, how it ended, and where.
struct BodyOutcome: Equatable {
    var data: [UInt8] = []
    /// Of a body that was not refused.
    var trailers: [UInt8] = []
    var end: Int?
    var error: BodyError?

    /// Feeds `text` in pieces that end at `cuts`, each in an array of exactly its size.
    init(_ text: TestBytes, _ framing: MessageFraming, cuts: [Int] = []) {
        var reader = BodyReader(framing)
        var start = 0
        for cut in cuts + [text.count] {
            let piece = TestBytes(Array(text.bytes[start..<cut]))
            if feed(piece, at: start, &reader) { return }
            start = cut
        }
    }

    private mutating func feed(
        _ piece: TestBytes,
        at start: Int,
        _ reader: inout BodyReader
    ) -> Bool {
        var offset = 0
        while true {
            switch piece.withSpan({ reader.next($0, from: &offset) }) {
            case .data(let range):
                #expect(!range.isEmpty && range.upperBound == offset)
                data += piece.bytes[range]
            case .trailers(let range):
                #expect(!range.isEmpty && range.upperBound <= offset)
                trailers += piece.bytes[range]
            case .needsMore:
                #expect(offset == piece.count)
                #expect(!reader.isFinished)
                return false
            case .finished(let end):
                #expect(end == offset)
                #expect(reader.isFinished)
                #expect(reader.endOfInput() == .complete)
                self.end = start + end
                return true
            case .refused(let error):
                #expect(!reader.isFinished)
                #expect(reader.endOfInput() == .truncated)
                self.error = error
                trailers = []
                return true
            }
        }
    }
}
