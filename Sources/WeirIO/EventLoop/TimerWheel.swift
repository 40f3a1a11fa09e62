// SPDX-License-Identifier: Apache-2.0

/// Deadlines for thousands of things, each known by a number; arming and cancelling are O(1).
///
/// A wheel of 1,024 slots, one for each tick of 16.8 ms (2²⁴ ns). Most deadlines are moved before
/// they pass (each byte that arrives moves one), so a later deadline is only written down; the
/// timer stays in its slot, and when that comes round it is linked again where it belongs by then.
/// A deadline beyond the wheel's 17 s is met in the same way. Timers fire up to one tick late,
/// never early.
@safe public struct TimerWheel: ~Copyable {
    @usableFromInline struct Timer: BitwiseCopyable {
        @usableFromInline var next: UInt32 = 0
        @usableFromInline var previous: UInt32 = 0
        /// The tick to fire at; 0 is unarmed.
        @usableFromInline var deadline: UInt32 = 0
        /// The tick whose slot the timer is linked in; 0 is none.
        @usableFromInline var visit: UInt32 = 0
    }

    /// All of it lies behind one pointer: that is what calls into this module pass.
    @safe @usableFromInline struct State: ~Copyable {
        /// The first tick whose slot was not looked at yet.
        var cursor: UInt32 = 1
        var linkedCount = 0
        /// The first timer of each slot, plus 1; 0 is none.
        var heads = [1_024 of UInt32](repeating: 0)
        /// One bit a slot: whether a timer is linked there.
        var occupied = [16 of UInt64](repeating: 0)
        @usableFromInline let timers: UnsafeMutablePointer<Timer>
        @usableFromInline let capacity: Int
        /// Monotonic nanoseconds of tick 0.
        @usableFromInline let origin: UInt64
        private let memory: Reservation<Timer>

        init(capacity: Int, origin: UInt64) {
            self.capacity = capacity
            self.origin = origin
            memory = Reservation(capacity: capacity)
            unsafe timers = memory.start
        }
    }

    private static let slotMask: UInt32 = 1_023
    @usableFromInline static var tickShift: UInt64 { 24 }

    @usableFromInline let state: Pinned<State>
    @usableFromInline var timers: UnsafeMutablePointer<Timer> {
        @inline(__always) get { unsafe state.value.timers }
    }
    @usableFromInline var origin: UInt64 {
        @inline(__always) get { state.value.origin }
    }
    @usableFromInline var capacity: Int {
        @inline(__always) get { state.value.capacity }
    }

    /// A wheel without an armed timer.
    ///
    /// - Parameters:
    ///   - capacity: how many timers there are, numbered from 0.
    ///   - now: monotonic nanoseconds.
    public init(capacity: Int, now: UInt64) {
        state = Pinned(State(capacity: capacity, origin: now))
    }

    /// Arms a timer, or moves its deadline.
    ///
    /// - Parameters:
    ///   - timer: its number.
    ///   - deadline: monotonic nanoseconds.
    @inlinable
    public func arm(_ timer: Int, at deadline: UInt64) {
        precondition(timer >= 0 && timer < capacity)
        let elapsed = deadline > origin ? deadline &- origin : 0
        // Rounded up, so that a timer never fires early; 2³² ticks are two years.
        let tick = UInt32(
            truncatingIfNeeded: min((elapsed &>> TimerWheel.tickShift) &+ 1, 0xFFFF_0000)
        )
        unsafe timers[timer].deadline = tick
        let visit = unsafe timers[timer].visit
        if visit == 0 || visit > tick { link(timer, for: tick) }
    }

    /// Unarms a timer.
    @inlinable
    public func cancel(_ timer: Int) {
        precondition(timer >= 0 && timer < capacity)
        unsafe timers[timer].deadline = 0
    }

    /// The next timer whose deadline has passed; it is unarmed then.
    ///
    /// Call it until it returns `nil`.
    public func nextExpired(at now: UInt64) -> Int? {
        let tick = tick(at: now)
        // After a long sleep each slot is looked at once.
        if tick > Self.slotMask, state.value.cursor < tick - Self.slotMask {
            state.value.cursor = tick - Self.slotMask
        }
        while state.value.cursor <= tick {
            if state.value.linkedCount == 0 {
                state.value.cursor = tick + 1
                return nil
            }
            while let timer = takeFirst(of: state.value.cursor) {
                let deadline = unsafe timers[timer].deadline
                if deadline == 0 { continue }
                if deadline <= tick {
                    unsafe timers[timer].deadline = 0
                    return timer
                }
                insert(timer, visit: min(deadline, state.value.cursor + Self.slotMask))
            }
            state.value.cursor += 1
        }
        return nil
    }

    /// How long a loop may sleep before ``nextExpired(at:)`` has work to do.
    ///
    /// - Parameter now: monotonic nanoseconds.
    /// - Returns: milliseconds for `epoll_wait`; −1 when no timer is linked.
    public func sleepMilliseconds(at now: UInt64) -> Int32 {
        guard state.value.linkedCount > 0 else { return -1 }
        let tick = state.value.cursor + slotsToNextTimer
        let due = origin &+ UInt64(tick) &<< Self.tickShift
        return due <= now ? 0 : Int32(truncatingIfNeeded: (due &- now) / 1_000_000 + 1)
    }

    /// How many slots after the cursor's the first linked timer is; there must be one.
    private var slotsToNextTimer: UInt32 {
        let first = state.value.cursor & Self.slotMask
        var word = Int(first / 64)
        var bits = state.value.occupied[word] & (UInt64.max &<< UInt64(first % 64))
        // One word more than there are: the first one's low bits come round last.
        for _ in 0...16 {
            if bits != 0 {
                let slot = UInt32(word * 64 + bits.trailingZeroBitCount)
                return (slot &- first) & Self.slotMask
            }
            word = (word + 1) % 16
            bits = state.value.occupied[word]
        }
        return 0
    }

    private func tick(at now: UInt64) -> UInt32 {
        let elapsed = now > origin ? now &- origin : 0
        return UInt32(truncatingIfNeeded: min(elapsed &>> Self.tickShift, 0xFFFF_0000))
    }

    @usableFromInline
    func link(_ timer: Int, for tick: UInt32) {
        if unsafe timers[timer].visit != 0 { unlink(timer) }
        let cursor = state.value.cursor
        insert(timer, visit: min(max(tick, cursor), cursor + Self.slotMask))
    }

    private func insert(_ timer: Int, visit: UInt32) {
        let slot = Int(visit & Self.slotMask)
        let head = state.value.heads[slot]
        let number = UInt32(truncatingIfNeeded: timer) + 1
        unsafe timers[timer].next = head
        unsafe timers[timer].previous = 0
        unsafe timers[timer].visit = visit
        if head != 0 { unsafe timers[Int(head) - 1].previous = number }
        state.value.heads[slot] = number
        state.value.occupied[slot / 64] |= 1 &<< UInt64(slot % 64)
        state.value.linkedCount += 1
    }

    private func unlink(_ timer: Int) {
        let entry = unsafe timers[timer]
        if entry.previous != 0 {
            unsafe timers[Int(entry.previous) - 1].next = entry.next
        } else {
            let slot = Int(entry.visit & Self.slotMask)
            state.value.heads[slot] = entry.next
            if entry.next == 0 { state.value.occupied[slot / 64] &= ~(1 &<< UInt64(slot % 64)) }
        }
        if entry.next != 0 { unsafe timers[Int(entry.next) - 1].previous = entry.previous }
        unsafe timers[timer].visit = 0
        state.value.linkedCount -= 1
    }

    private func takeFirst(of tick: UInt32) -> Int? {
        let head = state.value.heads[Int(tick & Self.slotMask)]
        guard head != 0 else { return nil }
        let timer = Int(head) - 1
        unlink(timer)
        return timer
    }
}
