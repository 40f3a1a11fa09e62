// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import WeirMetrics

@Suite("Log-linear scale")
struct LogLinearScaleTests {
    @Test("puts the middle of a bucket within 1.6 % of whatever falls into it")
    func boundsTheError() {
        var random = Xorshift(state: 0x9e37_79b9_7f4a_7c15)
        for _ in 0..<100_000 {
            // Every octave alike, from 2¹⁰ to 2⁴⁴.
            let octave = random.next() % 34 + 10
            let nanoseconds = 1 << octave | random.next() % (1 << octave)
            let bucket = LogLinearScale.bucket(of: nanoseconds)
            let error = LogLinearScale.middle(of: bucket) / Double(nanoseconds) - 1
            #expect(error.magnitude <= 0.016)
        }
    }

    @Test("numbers the buckets from zero without a gap, in the order of the durations")
    func isContiguous() {
        let lowerEnds = (10..<44).flatMap { octave in
            (32..<64).map { UInt64($0) << UInt64(octave - 5) }
        }
        #expect(lowerEnds.map(LogLinearScale.bucket(of:)) == Array(0..<LogLinearScale.bucketCount))
        #expect(
            lowerEnds.dropFirst().map { LogLinearScale.bucket(of: $0 - 1) }
                == Array(0..<LogLinearScale.bucketCount - 1)
        )
    }

    @Test(
        "takes what is outside for the nearest inside",
        arguments: [
            (0, 0), (1, 0), (1023, 0), (1024, 0),
            (1 << 44 - 1, 1087), (1 << 44, 1087), (.max, 1087),
        ] as [(UInt64, Int)]
    )
    func clamps(nanoseconds: UInt64, bucket: Int) {
        #expect(LogLinearScale.bucket(of: nanoseconds) == bucket)
    }
}
