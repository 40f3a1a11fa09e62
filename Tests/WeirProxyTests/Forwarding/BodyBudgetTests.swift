// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import WeirProxy

@Suite("Body budget") struct BodyBudgetTests {
    private let budget = BodyBudget(memoryLimit: 100, spillLimit: 10)

    @Test("gives up to its limit, and what is given back again") func isBounded() {
        #expect([60, 41, 40, 1].map(budget.takeMemory) == [true, false, true, false])
        budget.giveBack(memory: 60)
        #expect([61, 60].map(budget.takeMemory) == [false, true])
    }

    @Test("counts files apart from memory") func isTwofold() {
        #expect(budget.takeMemory(100))
        #expect([10, 1].map(budget.takeSpill) == [true, false])
        budget.giveBack(spill: 10)
        #expect(budget.takeSpill(10))
        #expect(!budget.takeMemory(1))
    }

    @Test("of nothing gives nothing") func isEmpty() {
        let none = BodyBudget(memoryLimit: 0, spillLimit: 0)
        #expect(!none.takeMemory(1))
        #expect(!none.takeSpill(1))
    }
}
