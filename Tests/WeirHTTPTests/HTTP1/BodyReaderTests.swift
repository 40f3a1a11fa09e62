// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import WeirHTTP

@Suite("Body reader (RFC 9112 §6.3)")
struct BodyReaderTests {
    @Test("finds nothing where there is no body", arguments: [MessageFraming.none, .counted(0)])
    func findsNothing(framing: MessageFraming) {
        let outcome = BodyOutcome("GET /", framing)
        #expect(outcome == BodyOutcome("", framing))
        #expect(outcome.end == 0)
        #expect(outcome.data.isEmpty)
    }

    @Test("counts to the byte", arguments: 0...8)
    func counts(cut: Int) {
        let outcome = BodyOutcome("12345678", .counted(5), cuts: [cut])
        #expect(outcome.data == Array("12345".utf8))
        #expect(outcome.end == 5)
    }

    @Test("knows how much is to come, and a body cut short (RFC 9112 §8)")
    func knowsTruncation() {
        var reader = BodyReader(.counted(5))
        var offset = 0
        let text: TestBytes = "123"
        #expect(reader.remaining == 5)
        #expect(text.withSpan { reader.next($0, from: &offset) } == .data(0..<3))
        #expect(text.withSpan { reader.next($0, from: &offset) } == .needsMore)
        #expect(reader.remaining == 2)
        #expect(reader.endOfInput() == .truncated)
        offset = 0
        #expect(text.withSpan { reader.next($0, from: &offset) } == .data(0..<2))
        #expect(reader.isFinished)
        #expect(text.withSpan { reader.next($0, from: &offset) } == .finished(end: 2))
        #expect(reader.endOfInput() == .complete)
    }

    @Test("takes all until the close, which completes it")
    func takesUntilClose() {
        var reader = BodyReader(.untilClose)
        var offset = 1
        let text: TestBytes = "123"
        #expect(text.withSpan { reader.next($0, from: &offset) } == .data(1..<3))
        #expect(text.withSpan { reader.next($0, from: &offset) } == .needsMore)
        #expect(!reader.isFinished)
        #expect(reader.remaining == nil)
        #expect(reader.endOfInput() == .complete)
    }

    @Test("takes the largest length there is")
    func takesLargest() {
        let outcome = BodyOutcome("abc", .counted(UInt64(Int64.max)))
        #expect(outcome.data == Array("abc".utf8))
        #expect(outcome.end == nil)
    }

    @Test("stays small, for each connection has two")
    func staysSmall() {
        #expect(MemoryLayout<BodyReader>.size <= 48)
    }
}
