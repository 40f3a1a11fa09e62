// SPDX-License-Identifier: Apache-2.0

import Testing
import WeirMetrics

@Suite("Histogram bounds")
struct HistogramBoundsTests {
    @Test("put a value on a bound below it, and the next one above")
    func bucketsAtTheEdges() {
        let bounds = HistogramBounds.standard()
        #expect(bounds.count == 14)
        for (bucket, bound) in bounds.nanoseconds.enumerated() {
            #expect(bounds.bucket(of: bound - 1) == bucket)
            #expect(bounds.bucket(of: bound) == bucket)
            #expect(bounds.bucket(of: bound + 1) == bucket + 1)
        }
        #expect(bounds.bucket(of: 0) == 0)
        #expect(bounds.bucket(of: .max) == 14)
    }

    @Test("find the same bucket as a search from the first on, however many they are")
    func agreesWithLinearSearch() {
        for count in 0...HistogramBounds.countMax {
            let bounds = HistogramBounds(nanoseconds: (0..<count).map { UInt64($0) * 10 + 10 })
            for nanoseconds in UInt64(0)...330 {
                let expected = bounds.nanoseconds.firstIndex { $0 >= nanoseconds } ?? count
                #expect(bounds.bucket(of: nanoseconds) == expected)
            }
        }
    }

    @Test(
        "are sorted, without repetition, and no more than there is room for",
        arguments: [
            ([], []),
            ([3, 1, 2, 1], [1, 2, 3]),
            (Array((1...31).reversed()), Array(1...31)),
            (Array(1...32), Array(1...31)),
        ] as [([UInt64], [UInt64])]
    )
    func normalises(given: [UInt64], kept: [UInt64]) {
        #expect(HistogramBounds(nanoseconds: given).nanoseconds == kept)
    }
}
