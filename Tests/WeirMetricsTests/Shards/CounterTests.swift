// SPDX-License-Identifier: Apache-2.0

import Testing
import WeirMetrics

@Suite("Counter and gauge")
struct CounterTests {
    @Test("counts up from zero and wraps at the end of 64 bits")
    func counts() {
        let counter = Counter()
        #expect(counter.value == 0)
        counter.increment()
        counter.add(41)
        #expect(counter.value == 42)
        counter.add(.max)
        #expect(counter.value == 41)
    }

    @Test("a gauge may go below zero, where another thread's has the difference")
    func sinks() {
        let gauge = Gauge()
        gauge.decrement()
        #expect(gauge.value == -1)
        gauge.increment()
        gauge.increment()
        #expect(gauge.value == 1)
    }
}
