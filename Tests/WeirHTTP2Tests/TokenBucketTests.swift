// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import WeirHTTP2

@Suite("Token bucket") struct TokenBucketTests {
    @Test("gives a burst, and then what comes back")
    func burst() {
        var bucket = TokenBucket()
        #expect(taken(&bucket, 2_000, at: 5) == 1_000)
        #expect(taken(&bucket, 2_000, at: 1_000_000_005) == 33)
        #expect(taken(&bucket, 2_000, at: 1_000_000_005) == 0)
        #expect(taken(&bucket, 2_000, at: 3_600_000_000_000) == 1_000)
    }

    @Test("loses no time, however often it is asked")
    func oftenAsked() {
        var bucket = TokenBucket()
        _ = taken(&bucket, 1_000, at: 0)
        let count = (1...1_000).map { taken(&bucket, 1, at: UInt64($0) * 10_000_000) }.reduce(0, +)
        #expect(count == 330)
    }

    private func taken(_ bucket: inout TokenBucket, _ count: Int, at now: UInt64) -> Int {
        (0..<count).map { _ in bucket.take(at: now) ? 1 : 0 }.reduce(0, +)
    }
}
