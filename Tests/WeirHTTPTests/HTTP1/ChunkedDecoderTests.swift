// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import WeirHTTP

@Suite("Chunked decoder (RFC 9112 §7.1)")
struct ChunkedDecoderTests {
    static let bodies: [(TestBytes, String)] = [
        ("0\r\n\r\n", ""),
        ("000\r\n\r\n", ""),
        ("5\r\nhello\r\n0\r\n\r\n", "hello"),
        ("5\r\nhello\r\n006\r\n world\r\n0\r\n\r\n", "hello world"),
        ("A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n", "01234567890123456789"),
        ("0000000000000001\r\nx\r\n0\r\n\r\n", "x"),
        ("2\r\n\r\n\r\n0\r\n\r\n", "\r\n"),
        ("1;a\r\nx\r\n0;b=c\r\n\r\n", "x"),
        ("1 \t;\t a \t= \t\"b;\\\" \\\\ \u{E9}\"\t;c\r\nx\r\n0\r\n\r\n", "x"),
        ("1;a=\"\"\r\nx\r\n0\r\n\r\n", "x"),
        ("1;a ;b\r\nx\r\n0\r\n\r\n", "x"),
        ("1;a=b ;c=\"d\" ;e\r\nx\r\n0\r\n\r\n", "x"),
        ("0\r\nA: b\r\n\r\n", ""),
        ("1\r\nx\r\n0\r\nContent-Length: 7\r\nX:\r\n\r\n", "x"),
    ]

    @Test("decodes, whole and cut at every byte", arguments: bodies)
    func decodes(text: TestBytes, data: String) {
        let input = text + "GET / HTTP/1.1"
        let whole = BodyOutcome(input, .chunked)
        #expect(whole.data == Array(data.utf8))
        #expect(whole.end == text.count)
        for cut in 0...input.count {
            #expect(BodyOutcome(input, .chunked, cuts: [cut]) == whole)
        }
        #expect(BodyOutcome(input, .chunked, cuts: Array(1..<input.count)) == whole)
        for cut in 0..<text.count {
            let torn = BodyOutcome(text.prefix(cut), .chunked)
            #expect(torn.end == nil && torn.error == nil)
        }
    }

    static let refusals: [(TestBytes, BodyError)] = [
        ("\r\n", .malformedChunkSize),
        ("x\r\n", .malformedChunkSize),
        ("0x5\r\nhello\r\n", .malformedChunkSize),
        ("+5\r\nhello\r\n", .malformedChunkSize),
        ("-5\r\nhello\r\n", .malformedChunkSize),
        (" 5\r\nhello\r\n", .malformedChunkSize),
        ("5_0\r\nhello\r\n", .malformedChunkSize),
        ("5,\r\nhello\r\n", .malformedChunkSize),
        ("5\0\r\nhello\r\n", .malformedChunkSize),
        (";a\r\n", .malformedChunkSize),
        ("1000000000000000\r\n", .chunkTooLarge),
        ("ffffffffffffffff\r\n", .chunkTooLarge),
        ("10000000000000005\r\n", .chunkTooLarge),
        ("00000000000000005\r\n", .chunkTooLarge),
        ("5\nhello\r\n", .malformedLineEnd),
        ("5\rhello\r\n", .malformedLineEnd),
        ("5\r\rhello\r\n", .malformedLineEnd),
        ("5;a\nhello\r\n", .malformedLineEnd),
        ("5;a=\"b\n\"\r\nhello\r\n", .malformedLineEnd),
        ("5 \r\nhello\r\n", .malformedChunkExtension),
        ("5\t\r\nhello\r\n", .malformedChunkExtension),
        ("5 5\r\nhello\r\n", .malformedChunkExtension),
        ("5;\r\nhello\r\n", .malformedChunkExtension),
        ("5; \r\nhello\r\n", .malformedChunkExtension),
        ("5;;\r\nhello\r\n", .malformedChunkExtension),
        ("5;=b\r\nhello\r\n", .malformedChunkExtension),
        ("5;a \r\nhello\r\n", .malformedChunkExtension),
        ("5;a=\r\nhello\r\n", .malformedChunkExtension),
        ("5;a==b\r\nhello\r\n", .malformedChunkExtension),
        ("5;a=b \r\nhello\r\n", .malformedChunkExtension),
        ("5;a b\r\nhello\r\n", .malformedChunkExtension),
        ("5;a=b c\r\nhello\r\n", .malformedChunkExtension),
        ("5;a=\"b\"c\r\nhello\r\n", .malformedChunkExtension),
        ("5;a=\"b\r\nhello\r\n", .malformedChunkExtension),
        ("5;a=\"\0\"\r\nhello\r\n", .malformedChunkExtension),
        ("5;a=\"\\\0\"\r\nhello\r\n", .malformedChunkExtension),
        ("5;(\r\nhello\r\n", .malformedChunkExtension),
        ("5;a\rX", .malformedLineEnd),
        ("4\r\nhello\r\n", .malformedChunkEnd),
        ("5\r\nhello\n0\r\n\r\n", .malformedChunkEnd),
        ("5\r\nhello0\r\n\r\n", .malformedChunkEnd),
        ("5\r\nhello\rX", .malformedChunkEnd),
        ("5\r\nhello\r\n\r\n", .malformedChunkSize),
        ("0\r\n\n", .malformedLineEnd),
        ("0\r\n\rX", .malformedLineEnd),
        ("0\r\nA: b\n\r\n", .malformedLineEnd),
        ("0\r\nA: b\rX", .malformedLineEnd),
        ("0\r\nA\n", .malformedLineEnd),
        ("0\r\nA\r\n", .malformedTrailer),
        ("0\r\nA : b\r\n", .malformedTrailer),
        ("0\r\n: b\r\n", .malformedTrailer),
        ("0\r\n A: b\r\n", .malformedTrailer),
        ("0\r\nA: b\r\n c\r\n", .malformedTrailer),
        ("0\r\nA: \0\r\n", .malformedTrailer),
        ("0\r\nGET / HTTP/1.1\r\n", .malformedTrailer),
    ]

    @Test("refuses, whole and cut at every byte", arguments: refusals)
    func refuses(text: TestBytes, error: BodyError) {
        let whole = BodyOutcome(text, .chunked)
        #expect(whole.error == error)
        for cut in 0...text.count {
            #expect(BodyOutcome(text, .chunked, cuts: [cut]) == whole)
        }
    }

    @Test("goes on refusing, and consumes nothing more")
    func goesOnRefusing() {
        var reader = BodyReader(.chunked)
        var offset = 0
        let text: TestBytes = "x0\r\n\r\n"
        for _ in 0..<3 {
            #expect(
                text.withSpan { reader.next($0, from: &offset) } == .refused(.malformedChunkSize)
            )
        }
    }

    @Test("takes sizes up to 2⁶⁰−1")
    func takesLargestSize() {
        #expect(BodyOutcome("0fffffffffffffff\r\nab", .chunked).data == Array("ab".utf8))
        #expect(BodyOutcome("fffffffffffffff\r\nab", .chunked).data == Array("ab".utf8))
    }

    @Test("bounds the extensions of a chunk and of a body")
    func boundsExtensions() {
        let most = ";" + String(repeating: "a", count: 4094)
        #expect(BodyOutcome(TestBytes("1\(most)\r\nx"), .chunked).data == [0x78])
        #expect(
            BodyOutcome(TestBytes("1\(most)aa\r\nx"), .chunked).error == .chunkExtensionsTooLong
        )
        let chunk = "1;" + String(repeating: "a", count: 1022) + "\r\nx\r\n"
        let many = String(repeating: chunk, count: 64)
        #expect(BodyOutcome(TestBytes(many), .chunked).error == nil)
        #expect(BodyOutcome(TestBytes(many + "1;a\r\n"), .chunked).error == .chunkExtensionsTooLong)
    }

    @Test("bounds the trailer section")
    func boundsTrailers() {
        let lines = String(repeating: "A: b\r\n", count: 64)
        #expect(BodyOutcome(TestBytes("0\r\n\(lines)\r\n"), .chunked).end != nil)
        #expect(BodyOutcome(TestBytes("0\r\n\(lines)A"), .chunked).error == .trailersTooLong)
        let value = String(repeating: "v", count: 8192 - 4)
        #expect(BodyOutcome(TestBytes("0\r\nA:\(value)\r\n\r\n"), .chunked).end != nil)
        #expect(
            BodyOutcome(TestBytes("0\r\nA:\(value)v\r\n\r\n"), .chunked).error == .trailersTooLong
        )
    }

    @Test("reads what the writer writes, however it is cut", arguments: 0..<50)
    func readsWhatIsWritten(seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed))
        var data: [UInt8] = []
        let text = written { output in
            for _ in 0..<Int.random(in: 0...6, using: &random) {
                let count = Int.random(in: 1...40, using: &random)
                ChunkWriter.writeSizeLine(count, into: &output)
                for _ in 0..<count {
                    let byte = UInt8.random(in: 32...126, using: &random)
                    output.append(byte)
                    data.append(byte)
                }
                ChunkWriter.writeLineEnd(into: &output)
            }
            ChunkWriter.writeLastChunk(into: &output)
            ChunkWriter.writeLineEnd(into: &output)
        }
        let input = TestBytes(text + "rest")
        let cuts = (0..<4).map { _ in Int.random(in: 0...input.count, using: &random) }.sorted()
        let outcome = BodyOutcome(input, .chunked, cuts: cuts)
        #expect(outcome.data == data)
        #expect(outcome.end == text.utf8.count)
    }

    @Test("decodes random bytes the same way at any cut", arguments: 0..<200)
    func decodesRandomBytes(seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed))
        let alphabet = Array("015aF;= \t\"\\\r\n\r\nx:".utf8)
        var bytes = Array("3;a=\"b\"\r\nxyz\r\n2\r\nab\r\n0\r\nT: u\r\n\r\n".utf8)
        for _ in 0..<Int.random(in: 0...3, using: &random) {
            let place = Int.random(in: 0..<bytes.count, using: &random)
            bytes[place] = alphabet.randomElement(using: &random) ?? 0
        }
        let text = TestBytes(bytes)
        let whole = BodyOutcome(text, .chunked)
        for cut in 0...text.count {
            #expect(BodyOutcome(text, .chunked, cuts: [cut]) == whole)
        }
    }

    @Test("decodes mutated bodies the same way at any cut", arguments: 0..<10)
    func decodesMutatedBodies(seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed))
        for text in Self.bodies.map(\.0) + Self.refusals.map(\.0) {
            let mutant = text.mutated(&random)
            let whole = BodyOutcome(mutant, .chunked)
            let wrongCuts = (0...mutant.count).filter { cut in
                let other = Int.random(in: cut...mutant.count, using: &random)
                return BodyOutcome(mutant, .chunked, cuts: [cut, other]) != whole
            }
            #expect(wrongCuts.isEmpty, "\(mutant.testDescription)")
        }
    }

    @Test("has a status, a word and a sentence for each refusal", arguments: BodyError.allCases)
    func explains(error: BodyError) {
        #expect(error.status == 400)
        #expect(error.reason.utf8.allSatisfy { $0 == 0x5F || 0x61...0x7A ~= $0 })
        #expect(error.explanation.utf8.count > 20)
    }
}
