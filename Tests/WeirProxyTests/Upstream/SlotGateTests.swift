// SPDX-License-Identifier: Apache-2.0

import Synchronization
import Testing
import WeirIO

@testable import WeirProxy

@Suite("Slot gate") struct SlotGateTests {
    private func gate(slots: SlotLimit, queueLimit: Int = 10, loops: Int = 2) throws -> SlotGate {
        let wakeups = try (0..<loops).map { _ in try Wakeup() }
        return SlotGate(slots: slots, queueLimit: queueLimit, wakeups: wakeups)
    }

    private func gate(slots: Int, queueLimit: Int = 10, loops: Int = 2) throws -> SlotGate {
        try gate(slots: .bounded(slots), queueLimit: queueLimit, loops: loops)
    }

    private func exchange(_ number: UInt32) -> SlabIndex<Exchange> { SlabIndex(number) }

    private func ticket(_ entry: SlotGate.Entry) throws -> SlotGate.Ticket {
        guard case .queued(let ticket) = entry else { throw Unexpected(entry: entry) }
        return ticket
    }

    private struct Unexpected: Error {
        let entry: SlotGate.Entry
    }

    @Test("lets in as many as it has slots, and no more")
    func boundsSlots() throws {
        let gate = try gate(slots: 2)
        #expect(gate.enter(exchange(1), of: 0) == .granted)
        #expect(gate.enter(exchange(2), of: 1) == .granted)
        _ = try ticket(gate.enter(exchange(3), of: 0))
        #expect(gate.takeGranted(by: 0) == nil)
        gate.leave(from: 1)
        #expect(gate.takeGranted(by: 1) == nil)
        #expect(gate.takeGranted(by: 0) == exchange(3))
        #expect(gate.takeGranted(by: 0) == nil)
        gate.leave(from: 0)
        gate.leave(from: 0)
        #expect(gate.enter(exchange(4), of: 1) == .granted)
    }

    @Test("tells how full it is; who was granted a slot has it before its loop knows")
    func showsOccupancy() throws {
        let gate = try gate(slots: 2)
        for number in 1...5 { _ = gate.enter(exchange(UInt32(number)), of: number % 2) }
        #expect(gate.occupancy == .init(slots: .bounded(2), insideCount: 2, queueCount: 3))
        gate.leave(from: 1)
        #expect(gate.occupancy == .init(slots: .bounded(2), insideCount: 2, queueCount: 2))
        #expect(gate.takeGranted(by: 1) == exchange(3))
        #expect(gate.occupancy == .init(slots: .bounded(2), insideCount: 2, queueCount: 2))
    }

    @Test("serves the queue in the order of arrival, over all loops")
    func servesInOrder() throws {
        let gate = try gate(slots: 1)
        #expect(gate.enter(exchange(0), of: 0) == .granted)
        let loops = [1, 0, 0, 1, 1, 0]
        for (number, loop) in loops.enumerated() {
            _ = try ticket(gate.enter(exchange(UInt32(number)), of: loop))
        }
        for (number, loop) in loops.enumerated() {
            gate.leave(from: 0)
            #expect(gate.takeGranted(by: 1 - loop) == nil)
            #expect(gate.takeGranted(by: loop) == exchange(UInt32(number)))
        }
    }

    @Test("lets nobody overtake those who wait")
    func letsNobodyOvertake() throws {
        let gate = try gate(slots: 1)
        #expect(gate.enter(exchange(1), of: 0) == .granted)
        _ = try ticket(gate.enter(exchange(2), of: 0))
        gate.leave(from: 0)
        // The slot is the second one's already, though it does not know it yet.
        _ = try ticket(gate.enter(exchange(3), of: 1))
        #expect(gate.takeGranted(by: 0) == exchange(2))
    }

    @Test("bounds the queue", arguments: [0, 1, 3])
    func boundsQueue(limit: Int) throws {
        let gate = try gate(slots: 1, queueLimit: limit)
        #expect(gate.enter(exchange(0), of: 0) == .granted)
        for number in 0..<limit { _ = try ticket(gate.enter(exchange(UInt32(number)), of: 0)) }
        #expect(gate.enter(exchange(9), of: 1) == .full)
        gate.leave(from: 0)
        #expect(gate.takeGranted(by: 0) == (limit > 0 ? exchange(0) : nil))
    }

    @Test("forgets who gives up, wherever it stands")
    func forgets() throws {
        let gate = try gate(slots: 1, queueLimit: 3)
        #expect(gate.enter(exchange(0), of: 0) == .granted)
        let first = try ticket(gate.enter(exchange(1), of: 0))
        let second = try ticket(gate.enter(exchange(2), of: 1))
        let third = try ticket(gate.enter(exchange(3), of: 0))
        gate.withdraw(second, of: 1)
        _ = try ticket(gate.enter(exchange(4), of: 1))
        gate.withdraw(first, of: 0)
        gate.leave(from: 0)
        // It was granted, and gives up before it knows: the next one gets the slot.
        gate.withdraw(third, of: 0)
        #expect(gate.takeGranted(by: 0) == nil)
        #expect(gate.takeGranted(by: 1) == exchange(4))
    }

    @Test("gives new slots to those who have waited longest, over all loops, and to no more")
    func growsInOrder() throws {
        let gate = try gate(slots: 1)
        #expect(gate.enter(exchange(0), of: 0) == .granted)
        for (number, loop) in [0, 1, 1, 0, 1].enumerated() {
            _ = try ticket(gate.enter(exchange(UInt32(number + 1)), of: loop))
        }
        gate.resize(to: .bounded(4))
        #expect(gate.takeGranted(by: 0) == exchange(1))
        #expect(gate.takeGranted(by: 0) == nil)
        #expect(gate.takeGranted(by: 1) == exchange(2))
        #expect(gate.takeGranted(by: 1) == exchange(3))
        #expect(gate.takeGranted(by: 1) == nil)
        gate.leave(from: 1)
        #expect(gate.takeGranted(by: 0) == exchange(4))
        gate.resize(to: .unlimited)
        #expect(gate.takeGranted(by: 1) == exchange(5))
        for number in 6..<20 { #expect(gate.enter(exchange(UInt32(number)), of: 0) == .granted) }
    }

    @Test("wakes the loops that have been granted something, and no others")
    func wakesLoops() throws {
        let wakeups = try (0..<3).map { _ in try Wakeup() }
        let poller = try Poller()
        for (loop, wakeup) in wakeups.enumerated() {
            try poller.addSource(
                wakeup.descriptor.rawValue,
                token: EventToken(kind: 0, index: UInt32(loop))
            )
        }
        let gate = SlotGate(slots: .bounded(1), queueLimit: 9, wakeups: wakeups)
        #expect(gate.enter(exchange(0), of: 0) == .granted)
        for loop in [0, 2, 1] { _ = try ticket(gate.enter(exchange(1), of: loop)) }
        gate.resize(to: .bounded(3))
        let count = poller.wait(milliseconds: 0)
        let woken = (0..<count).map { poller.event($0).token.index }
        #expect(woken.sorted() == [0, 2])
    }

    @Test(
        "takes no slot away when there are fewer, and replaces nobody until few enough are inside"
    )
    func shrinks() throws {
        let gate = try gate(slots: 3)
        for number in 0..<3 { #expect(gate.enter(exchange(UInt32(number)), of: 0) == .granted) }
        _ = try ticket(gate.enter(exchange(3), of: 1))
        gate.resize(to: .bounded(1))
        gate.leave(from: 0)
        gate.leave(from: 0)
        #expect(gate.takeGranted(by: 1) == nil)
        gate.leave(from: 0)
        #expect(gate.takeGranted(by: 1) == exchange(3))
        _ = try ticket(gate.enter(exchange(4), of: 0))
        gate.resize(to: .bounded(2))
        #expect(gate.takeGranted(by: 0) == exchange(4))
    }

    @Test("counts who came before there was a bound") func becomesBounded() throws {
        let gate = try gate(slots: .unlimited)
        for number in 0..<3 { #expect(gate.enter(exchange(UInt32(number)), of: 0) == .granted) }
        gate.resize(to: .bounded(2))
        _ = try ticket(gate.enter(exchange(3), of: 0))
        gate.leave(from: 0)
        #expect(gate.takeGranted(by: 0) == nil)
        gate.leave(from: 0)
        #expect(gate.takeGranted(by: 0) == exchange(3))
    }

    @Test("hands on the slot of who gives up a grant only while there are enough")
    func withdrawsWhileFewer() throws {
        let gate = try gate(slots: 1)
        #expect(gate.enter(exchange(0), of: 0) == .granted)
        let first = try ticket(gate.enter(exchange(1), of: 0))
        _ = try ticket(gate.enter(exchange(2), of: 0))
        gate.resize(to: .bounded(2))
        gate.resize(to: .bounded(1))
        gate.withdraw(first, of: 0)
        #expect(gate.takeGranted(by: 0) == nil)
        gate.leave(from: 0)
        #expect(gate.takeGranted(by: 0) == exchange(2))
    }

    /// What four loops do to one gate, counted.
    private final class Crowd: Sendable {
        static let requests = 2_000

        let gate: SlotGate
        let inside = Atomic<Int>(0)
        let most = Atomic<Int>(0)
        let served = Atomic<Int>(0)

        init(_ gate: SlotGate) { self.gate = gate }

        /// Changes the number of slots over and over while the loops run.
        func resize(_ counts: [Int]) {
            for turn in 0..<5_000 { gate.resize(to: .bounded(counts[turn % counts.count])) }
        }

        /// Asks for all requests of one loop, at most five of them waiting, and serves each.
        func run(_ loop: Int) {
            var (asked, waiting) = (0, 0)
            while asked < Self.requests || waiting > 0 {
                if asked < Self.requests, waiting < 5 {
                    asked += 1
                    switch gate.enter(SlabIndex(UInt32(asked)), of: loop) {
                    case .granted: serve(loop)
                    case .queued: waiting += 1
                    case .full: Issue.record("there is room for all")
                    }
                }
                while gate.takeGranted(by: loop) != nil {
                    waiting -= 1
                    serve(loop)
                }
            }
        }

        private func serve(_ loop: Int) {
            most.max(inside.wrappingAdd(1, ordering: .relaxed).newValue, ordering: .relaxed)
            inside.wrappingSubtract(1, ordering: .relaxed)
            served.wrappingAdd(1, ordering: .relaxed)
            gate.leave(from: loop)
        }
    }

    @Test("bounds who is inside, and leaves nobody behind, with all loops at it at once")
    func keepsCountAmongThreads() async throws {
        let crowd = Crowd(try gate(slots: 3, queueLimit: 100, loops: 4))
        await withTaskGroup(of: Void.self) { group in
            for loop in 0..<4 { group.addTask { crowd.run(loop) } }
        }
        #expect(crowd.served.load(ordering: .relaxed) == 4 * Crowd.requests)
        #expect(crowd.most.load(ordering: .relaxed) <= 3)
    }

    @Test("keeps its count while the number of slots changes under all loops")
    func keepsCountWhileResized() async throws {
        let gate = try gate(slots: 1, queueLimit: 100, loops: 4)
        let crowd = Crowd(gate)
        await withTaskGroup(of: Void.self) { group in
            for loop in 0..<4 { group.addTask { crowd.run(loop) } }
            group.addTask { crowd.resize([4, 1, 3]) }
        }
        #expect(crowd.served.load(ordering: .relaxed) == 4 * Crowd.requests)
        #expect(crowd.most.load(ordering: .relaxed) <= 4)
        gate.resize(to: .bounded(2))
        for number in 0..<2 { #expect(gate.enter(exchange(UInt32(number)), of: 0) == .granted) }
        _ = try ticket(gate.enter(exchange(2), of: 0))
    }
}
