// SPDX-License-Identifier: Apache-2.0

import Testing
import WeirIO

@testable import WeirProxy

@Suite("Holder search") struct HolderSearchTests {
    /// Searches, and counts into whom it looks.
    private struct Searcher {
        var search = HolderSearch()
        var holding: Set<Int32> = []
        var hidden: Set<Int32> = []
        var looked: [Int32] = []

        mutating func holders(of sockets: [UInt64] = [1], among processes: [Int32]) -> [Int32] {
            var looked: [Int32] = []
            let found = search.holders(of: sockets, among: processes) { process in
                looked.append(process)
                if hidden.contains(process) { return .unknown }
                return holding.contains(process) ? .holds : .holdsNot
            }
            self.looked = looked
            return found
        }
    }

    @Test("looks into everybody once, and then into holders and newcomers") func remembers() {
        var searcher = Searcher(holding: [3, 4], hidden: [2])
        #expect(searcher.holders(among: [1, 2, 3, 4]) == [3, 4])
        #expect(searcher.looked == [1, 2, 3, 4])
        searcher.holding = [3, 5]
        #expect(searcher.holders(among: [1, 2, 3, 4, 5]) == [3, 5])
        #expect(searcher.looked == [3, 4, 5])
    }

    @Test("looks into a new process with the id of an old one") func forgetsTheDead() {
        var searcher = Searcher(holding: [2])
        #expect(searcher.holders(among: [1, 2]) == [2])
        #expect(searcher.holders(among: [2]) == [2])
        searcher.holding = [1]
        #expect(searcher.holders(among: [1, 2]) == [1])
    }

    @Test("begins anew with other sockets") func forgetsWithSockets() {
        var searcher = Searcher(holding: [2])
        #expect(searcher.holders(among: [1, 2]) == [2])
        searcher.holding = [1]
        #expect(searcher.holders(of: [9], among: [1, 2]) == [1])
    }

    @Test("looks into everybody again now and then") func forgetsInTime() {
        var searcher = Searcher(holding: [2])
        _ = searcher.holders(among: [1, 2])
        searcher.holding = [1, 2]
        for _ in 0..<HolderSearch.memorySearches where searcher.holders(among: [1, 2]) == [1, 2] {
            break
        }
        #expect(searcher.holders(among: [1, 2]) == [1, 2])
    }

    @Test("bounds how many holders there are") func boundsHolders() {
        let all = (1...Int32(HolderSearch.holdersMax + 5)).map(\.self)
        var searcher = Searcher(holding: Set(all))
        #expect(searcher.holders(among: all).count == HolderSearch.holdersMax)
        #expect(searcher.looked.count == HolderSearch.holdersMax)
    }
}
