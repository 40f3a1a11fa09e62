// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import WeirHTTP

@Suite("Trailer section")
struct TrailerSectionTests {
    private static let limits = HeadLimits(headBytes: 1_024, fieldCount: 4, targetBytes: 1)

    /// What goes on of trailer lines; nil where they are not fields.
    private func forwarded(_ lines: String) -> String? {
        let input = TestBytes(Array((lines + "\r\n").utf8))
        var section = TrailerSection()
        guard input.withSpan({ section.parse($0, limits: Self.limits) }) else { return nil }
        return written(capacity: input.count) { output in
            input.withSpan { section.writeForwarded(from: $0, into: &output) }
        }
    }

    @Test("goes on byte for byte and in order")
    func forwards() {
        let lines = "Server-Timing: db;dur=53\r\nx-checksum:  abc\r\n"
        #expect(forwarded(lines) == lines)
        #expect(forwarded("") == "")
    }

    @Test(
        "loses what would mean something else in a head",
        arguments: [
            "Content-Length: 5", "Transfer-Encoding: chunked", "Host: other", "Connection: close",
            "X-Forwarded-For: 1.2.3.4", "X-Request-ID: mine", "Forwarded: for=1.2.3.4",
            "x_under: 1",
            "Trailer: a", "Keep-Alive: timeout=5", "Expect: 100-continue", "X-Forwarded-Any: 1",
        ]
    )
    func drops(line: String) {
        #expect(forwarded("a: 1\r\n\(line)\r\nb: 2\r\n") == "a: 1\r\nb: 2\r\n")
    }

    @Test("is not one beyond its limits", arguments: [(4, true), (5, false)])
    func bounds(count: Int, isTaken: Bool) {
        let lines = String(repeating: "a: 1\r\n", count: count)
        #expect((forwarded(lines) != nil) == isTaken)
    }

    @Test("comes out of a chunked body, wherever that is cut")
    func comesFromChunks() {
        let lines = "A: 1\r\nB: 2\r\n"
        let text = TestBytes(Array("2\r\nab\r\n0\r\n\(lines)\r\nrest".utf8))
        for cut in 0...text.count {
            let outcome = BodyOutcome(text, .chunked, cuts: [cut])
            #expect(outcome.trailers == Array(lines.utf8))
            #expect(outcome.data == Array("ab".utf8))
            #expect(outcome.end == text.count - 4)
        }
    }
}
