// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import WeirHTTP

/// A head means the same however it is cut, in arrays of exactly the size of what has come.
@Suite("Torn heads")
struct TornHeadTests {
    static let requests: [TestBytes] = [
        "GET / HTTP/1.1\r\nHost: h\r\n\r\nbody",
        "\r\n\r\nPOST /a HTTP/1.1\r\nHost: example.org:8000\r\nContent-Length: 5\r\n\r\nhello",
        "GET http://[::1]:80/?q HTTP/1.0\r\nA_b:c\r\nT:\ta\tb\t\r\nConnection: close, A\r\n\r\n",
        "BREW /pot HTTP/1.1\r\nHost: h\r\n!#$%&'*+.^_`|~: v\r\nContent-Length: 9\r\n\r\n0\r\n",
    ]

    /// Everything that the refusal tables hold, as whole heads.
    static let refusals: [TestBytes] =
        RequestRefusalTests.lines.map { $0.0 + "Host: h\r\n\r\n" }
        + RequestRefusalTests.fields.map { "POST / HTTP/1.1\r\nHost: h\r\n" + $0.0 + "\r\n" }

    @Test("are incomplete up to their last byte", arguments: requests)
    func areIncomplete(text: TestBytes) throws {
        let whole = RequestSnapshot(text)
        guard case .complete(let length) = whole.progress else {
            Issue.record("not complete")
            return
        }
        var head = RequestHead(limits: .test)
        for cut in 0..<length {
            #expect(RequestSnapshot(text.prefix(cut), &head).progress == .incomplete)
        }
        for cut in length...text.count {
            #expect(RequestSnapshot(text.prefix(cut), &head) == whole)
        }
    }

    @Test("are refused for the same reason, never taken", arguments: refusals)
    func areRefused(text: TestBytes) {
        let whole = RequestSnapshot(text).progress
        var head = RequestHead(limits: .test)
        var wasRefused = false
        for cut in 0...text.count {
            let progress = RequestSnapshot(text.prefix(cut), &head).progress
            #expect(progress == whole || progress == .incomplete && !wasRefused)
            if progress == whole { wasRefused = true }
        }
    }

    @Test("mean the same when their bytes are random", arguments: 0..<200)
    func meanTheSame(seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed))
        let text = Self.randomRequest(&random)
        let limits = HeadLimits(
            headBytes: Int.random(in: 20...300, using: &random),
            fieldCount: Int.random(in: 1...8, using: &random),
            targetBytes: Int.random(in: 1...30, using: &random)
        )
        let whole = RequestSnapshot(text, limits: limits)
        var head = RequestHead(limits: limits)
        var wasDecided = false
        for cut in 0...text.count {
            let torn = RequestSnapshot(text.prefix(cut), &head)
            if torn.progress == .incomplete {
                #expect(!wasDecided)
            } else {
                wasDecided = true
                #expect(torn == whole)
            }
        }
    }

    static let responses: [TestBytes] =
        ResponseHeadTests.refusals.map(\.0) + [
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nA:b \r\n\r\nhello",
            "HTTP/1.0 404 Not \u{E9}\tFound\r\nServer: x\r\nSet-Cookie: a=b\r\n\r\n",
            "HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\nTrailer:\r\n\r\n0\r\n\r\n",
            "HTTP/1.1 304 X\r\nConnection: close, A\r\nContent-Length: 5, 5\r\n\r\n",
        ]

    @Test("mean the same when hostile requests are mutated", arguments: 0..<20)
    func keepMutatedRequests(seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed))
        for text in Self.requests + Self.refusals {
            let mutant = text.mutated(&random)
            var head = RequestHead(limits: .test)
            let place = Self.firstDifference(in: mutant) { RequestSnapshot($0, &head) }
            #expect(place == nil, "\(mutant.testDescription)")
        }
    }

    @Test("mean the same when hostile responses are mutated", arguments: 0..<20)
    func keepMutatedResponses(seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed))
        for text in Self.responses {
            let mutant = text.mutated(&random)
            let method = Method.allCases.randomElement(using: &random) ?? .get
            var head = ResponseHead(limits: .response)
            let place = Self.firstDifference(in: mutant) {
                ResponseSnapshot($0, answering: method, &head)
            }
            #expect(place == nil, "\(mutant.testDescription)")
        }
    }

    /// The first cut that makes of the head what it is not as a whole, or takes back what a
    /// shorter one has made of it; nil when there is none.
    private static func firstDifference(
        in text: TestBytes,
        _ read: (TestBytes) -> some HeadSnapshot
    ) -> Int? {
        let whole = read(text)
        var isDecided = false
        for cut in 0...text.count {
            let torn = read(text.prefix(cut))
            if torn.progress == .incomplete {
                if isDecided { return cut }
            } else {
                isDecided = true
                if torn != whole { return cut }
            }
        }
        return isDecided == (whole.progress != .incomplete) ? nil : text.count
    }

    /// A plausible head with some of its bytes exchanged.
    static func randomRequest(_ random: inout SeededGenerator) -> TestBytes {
        let names = [
            "Host", "A", "Content-Length", "Transfer-Encoding", "Connection", "Expect", "X_y",
            "X-Forwarded-For", "Upgrade", "Trailer", "Accept-Encoding",
        ]
        let values = [
            "h", "", "5", "chunked", "close", "100-continue", "a,b", "a long value of it",
        ]
        var text = "GET /index HTTP/1.\(Int.random(in: 0...1, using: &random))\r\nHost: h\r\n"
        for _ in 0..<Int.random(in: 0...6, using: &random) {
            let name = names.randomElement(using: &random) ?? ""
            let value = values.randomElement(using: &random) ?? ""
            text += "\(name): \(value)\r\n"
        }
        var bytes = Array((text + "\r\nGET / HT").utf8)
        let nasty: [UInt8] = [0, 9, 10, 13, 32, 58, 95, 44, 127, 128, 255, 65]
        for _ in 0..<Int.random(in: 0...3, using: &random) {
            let place = Int.random(in: 0..<bytes.count, using: &random)
            bytes[place] = nasty.randomElement(using: &random) ?? 0
        }
        return TestBytes(bytes)
    }
}
