// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import WeirProxy

@Suite("Lifecycle") struct LifecycleTests {
    @Test("drains at once without a shutdown delay, and cuts when the drain takes too long")
    func drains() {
        var lifecycle = Lifecycle(shutdownDelay: 0, drainTimeout: 40)
        #expect(lifecycle.deadline == nil)
        #expect(lifecycle.stop(at: 100) == .drain)
        #expect(lifecycle.deadline == 140)
        #expect(lifecycle.advance(to: 139) == .none)
        #expect(lifecycle.advance(to: 140) == .cut)
        #expect(lifecycle.advance(to: 999) == .none)
    }

    @Test("is a lame duck for the shutdown delay, then drains") func delays() {
        var lifecycle = Lifecycle(shutdownDelay: 10, drainTimeout: 40)
        #expect(lifecycle.stop(at: 100) == .none)
        #expect(lifecycle.stage == .lameDuck(until: 110))
        #expect(lifecycle.advance(to: 109) == .none)
        #expect(lifecycle.advance(to: 112) == .drain)
        #expect(lifecycle.deadline == 152)
    }

    @Test("cuts at the second signal, wherever it stands", arguments: [0, 10] as [UInt64])
    func cutsAtSecondSignal(shutdownDelay: UInt64) {
        var lifecycle = Lifecycle(shutdownDelay: shutdownDelay, drainTimeout: 40)
        _ = lifecycle.stop(at: 100)
        #expect(lifecycle.stop(at: 101) == .cut)
        #expect(lifecycle.stop(at: 102) == .none)
    }
}
