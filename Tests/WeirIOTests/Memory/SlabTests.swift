// SPDX-License-Identifier: Apache-2.0

import Testing
import WeirIO

/// Tells when a record is destroyed.
private final class Witness {
    var destroyed = 0
}

private struct Record: ~Copyable {
    var number: Int
    let witness: Witness
    deinit { witness.destroyed += 1 }
}

extension Slab where Record: ~Copyable {
    /// Inserts where there must be room; macros cannot look at noncopyable values.
    fileprivate func taking(_ record: consuming Record) throws -> SlabIndex<Record> {
        let index = insert(record)
        return try #require(index)
    }
}

@Suite("Slab") struct SlabTests {
    @Test("takes no more records than its capacity, and as many again after they are reclaimed")
    func isBounded() throws {
        let witness = Witness()
        let slab = Slab<Record>(capacity: 2)
        let first = try slab.taking(Record(number: 1, witness: witness))
        let second = try slab.taking(Record(number: 2, witness: witness))
        let third = slab.insert(Record(number: 3, witness: witness))
        #expect(third == nil)
        let (count, numbers) = (slab.count, [slab[first].number, slab[second].number])
        #expect(count == 2)
        #expect(numbers == [1, 2])
        slab.retire(first)
        // Its place is not free before the turn ends.
        let fourth = slab.insert(Record(number: 4, witness: witness))
        #expect(fourth == nil)
        slab.reclaim()
        let fifth = try slab.taking(Record(number: 5, witness: witness))
        let number = slab[fifth].number
        #expect(number == 5)
    }

    @Test("destroys a record when it is reclaimed, and the rest with itself")
    func destroys() throws {
        let witness = Witness()
        do {
            let slab = Slab<Record>(capacity: 4)
            let first = try slab.taking(Record(number: 1, witness: witness))
            _ = try slab.taking(Record(number: 2, witness: witness))
            slab.retire(first)
            let number = slab[first].number
            #expect(number == 1)
            #expect(witness.destroyed == 0)
            slab.reclaim()
            #expect(witness.destroyed == 1)
        }
        #expect(witness.destroyed == 2)
    }

    @Test("knows a token of a record that is gone, also when its place is taken again")
    func recognisesStaleTokens() throws {
        let slab = Slab<Int>(capacity: 1)
        let index = try slab.taking(1)
        let token = slab.token(of: index, kind: 3)
        #expect(token.kind == 3)
        var found = [slab.current(token)]
        slab.retire(index)
        found.append(slab.current(token))
        slab.reclaim()
        let again = try slab.taking(2)
        found.append(slab.current(token))
        found.append(slab.current(slab.token(of: again, kind: 3)))
        #expect(again == index)
        #expect(found == [index, nil, nil, again])
    }

    @Test("walks the records that live") func walks() throws {
        let slab = Slab<Int>(capacity: 8)
        let places = (0..<5).compactMap { slab.insert($0) }
        slab.retire(places[0])
        slab.retire(places[3])
        slab.reclaim()
        var numbers: [Int] = []
        var next = slab.live(from: 0)
        while let index = next {
            numbers.append(slab[index])
            next = slab.live(from: Int(index.rawValue) + 1)
        }
        #expect(numbers == [1, 2, 4])
    }
}
