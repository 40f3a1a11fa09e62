// SPDX-License-Identifier: Apache-2.0

internal import WeirIO

/// Lets at most so many requests into gunicorn at once, over all loops; the others wait in the order
/// in which they came, whichever loop they came to.
///
/// A request enters, and is granted a slot at once or has a ticket. Whoever leaves hands its slot to
/// the first in the queue, and wakes that one's loop alone. Everything is decided under one lock,
/// which is held for some tens of nanoseconds; where the slots never have a bound there is no gate.
/// Their number may change while the gate is in use: nobody loses a slot that it has.
final class SlotGate: Sendable {
    /// A place in the queue, good until it is granted and taken, or given up.
    struct Ticket: BitwiseCopyable, Equatable, Sendable {
        let rawValue: UInt32
    }

    /// What became of a request that asked to enter.
    enum Entry: Equatable, Sendable {
        case granted
        case queued(Ticket)
        /// As many as may wait are waiting.
        case full
    }

    /// How full the gate is, at one moment.
    struct Occupancy: Equatable, Sendable {
        var slots = SlotLimit.unlimited
        /// Those that were granted a slot and have not left.
        var insideCount = 0
        /// Those that wait for one.
        var queueCount = 0
    }

    fileprivate struct Waiter: BitwiseCopyable {
        var loop = 0
        var exchange = SlabIndex<Exchange>.none
        var isGranted = false
        /// Neighbours in the row that it stands in.
        var previous = UInt32.max
        var next = UInt32.max
    }

    /// Both ends of a row of waiters.
    fileprivate struct Row: BitwiseCopyable {
        var first = UInt32.max
        var last = UInt32.max
    }

    fileprivate struct State: Sendable {
        var slots: SlotLimit
        /// Those that were granted a slot and have not left, whether they know it or not.
        var insideCount = 0
        var queueCount = 0
        var waiters: [Waiter] = []
        /// The queue, the places that nobody has, and of each loop those that were granted a slot
        /// and do not know it yet.
        var rows: [Row]

        static let queue = 0
        static let unused = 1
        static func granted(_ loop: Int) -> Int { 2 + loop }
    }

    private let queueLimit: Int
    private let wakeups: [Wakeup]
    private let state: Guarded<State>

    /// A gate that nobody has entered.
    ///
    /// - Parameters:
    ///   - slots: how many may be inside.
    ///   - queueLimit: how many may wait.
    ///   - wakeups: what ends the wait of each loop.
    init(slots: SlotLimit, queueLimit: Int, wakeups: [Wakeup]) {
        precondition(slots.lets(1) && queueLimit >= 0)
        self.queueLimit = queueLimit
        self.wakeups = wakeups
        let rows = [Row](repeating: Row(), count: State.granted(wakeups.count))
        state = Guarded(State(slots: slots, rows: rows))
    }

    /// Asks for a slot.
    ///
    /// - Parameters:
    ///   - exchange: who asks.
    ///   - loop: the number of its loop.
    /// - Returns: whether it may go on; with a ticket it waits for ``takeGranted(by:)`` to name it.
    func enter(_ exchange: SlabIndex<Exchange>, of loop: Int) -> Entry {
        state.withLock { state in
            // Who comes now must not overtake those who wait.
            if state.hasFreeSlot, state.queueCount == 0 {
                state.insideCount += 1
                return .granted
            }
            guard state.queueCount < queueLimit else { return .full }
            let place = state.newPlace()
            state.waiters[Int(place)].loop = loop
            state.waiters[Int(place)].exchange = exchange
            state.append(place, to: State.queue)
            state.queueCount += 1
            return .queued(Ticket(rawValue: place))
        }
    }

    /// Gives a slot back; the first in the queue gets it.
    ///
    /// - Parameter loop: the number of the caller's loop, which need not be woken: it asks at the
    ///   end of its turn.
    func leave(from loop: Int) {
        let woken = state.withLock { state in
            state.insideCount -= 1
            return state.grantNext()
        }
        if let woken, woken != loop { wakeups[woken].signal() }
    }

    /// Gives up a ticket, granted or not.
    func withdraw(_ ticket: Ticket, of loop: Int) {
        let woken = state.withLock { state -> Int? in
            let place = ticket.rawValue
            guard state.waiters[Int(place)].isGranted else {
                state.remove(place, from: State.queue)
                state.queueCount -= 1
                state.discard(place)
                return nil
            }
            state.remove(place, from: State.granted(loop))
            state.discard(place)
            state.insideCount -= 1
            return state.grantNext()
        }
        if let woken, woken != loop { wakeups[woken].signal() }
    }

    /// Changes how many may be inside.
    ///
    /// Of more slots the first in the queue get the new ones at once. Of fewer nobody notices who
    /// is inside: those who leave are not replaced until there are few enough.
    ///
    /// - Parameter slots: how many may be inside from now on.
    func resize(to slots: SlotLimit) {
        precondition(slots.lets(1))
        let woken = state.withLock { state in
            state.slots = slots
            var loops: Set<Int> = []
            while let loop = state.grantNext() { loops.insert(loop) }
            return loops
        }
        for loop in woken { wakeups[loop].signal() }
    }

    /// How full it is.
    var occupancy: Occupancy {
        state.withLock { state in
            Occupancy(
                slots: state.slots,
                insideCount: state.insideCount,
                queueCount: state.queueCount
            )
        }
    }

    /// The next exchange of a loop that has been granted a slot since it last asked.
    func takeGranted(by loop: Int) -> SlabIndex<Exchange>? {
        state.withLock { state -> SlabIndex<Exchange>? in
            let place = state.rows[State.granted(loop)].first
            guard place != .max else { return nil }
            let exchange = state.waiters[Int(place)].exchange
            state.remove(place, from: State.granted(loop))
            state.discard(place)
            return exchange
        }
    }
}

extension SlotGate.State {
    fileprivate var hasFreeSlot: Bool { slots.lets(insideCount + 1) }

    /// Hands a free slot to the first in the queue.
    ///
    /// - Returns: the loop of the one who got it; `nil` when nobody waits, or no slot is free.
    fileprivate mutating func grantNext() -> Int? {
        let place = rows[Self.queue].first
        guard place != .max, hasFreeSlot else { return nil }
        insideCount += 1
        remove(place, from: Self.queue)
        queueCount -= 1
        waiters[Int(place)].isGranted = true
        let loop = waiters[Int(place)].loop
        append(place, to: Self.granted(loop))
        return loop
    }

    fileprivate mutating func newPlace() -> UInt32 {
        let place = rows[Self.unused].first
        if place != .max {
            remove(place, from: Self.unused)
            return place
        }
        waiters.append(SlotGate.Waiter())
        return UInt32(waiters.count - 1)
    }

    fileprivate mutating func discard(_ place: UInt32) {
        waiters[Int(place)].isGranted = false
        append(place, to: Self.unused)
    }

    fileprivate mutating func append(_ place: UInt32, to row: Int) {
        let last = rows[row].last
        waiters[Int(place)].previous = last
        waiters[Int(place)].next = .max
        if last == .max { rows[row].first = place } else { waiters[Int(last)].next = place }
        rows[row].last = place
    }

    fileprivate mutating func remove(_ place: UInt32, from row: Int) {
        let (previous, next) = (waiters[Int(place)].previous, waiters[Int(place)].next)
        if previous == .max { rows[row].first = next } else { waiters[Int(previous)].next = next }
        if next == .max {
            rows[row].last = previous
        } else {
            waiters[Int(next)].previous = previous
        }
    }
}
