// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import WeirHTTP2

@Suite("Stream identifiers")
struct StreamIdentifiersTests {
    /// Whether each of them is admitted, in this order.
    private func admitted(_ ids: Int32...) -> [Bool] {
        var identifiers = StreamIdentifiers()
        return ids.map { identifiers.admit($0) }
    }

    @Test("may rise, by any step, and be spoken of again")
    func rise() {
        #expect(!admitted(1, 3, 3, 1, 9, 9, 3, .max).contains(false))
    }

    @Test(
        "may not be those that were passed over (RFC 9113 §5.1.1)",
        arguments: [1, 3, 7, 11, 13] as [Int32]
    )
    func passedOver(id: Int32) {
        #expect(admitted(5, 9, 15, id, 9, 17) == [true, true, true, false, true, true])
    }

    @Test("of others are left to libnghttp2", arguments: [0, 2, 4] as [Int32])
    func others(id: Int32) {
        #expect(admitted(7, id) == [true, true])
    }
}
