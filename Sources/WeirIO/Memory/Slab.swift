// SPDX-License-Identifier: Apache-2.0

/// The place of one record in a ``Slab``: a number that means nothing in any other slab.
public struct SlabIndex<Record: ~Copyable>: BitwiseCopyable, Equatable, Sendable {
    /// The position, or `UInt32.max` for ``none``.
    public let rawValue: UInt32

    /// Names a position.
    @inlinable public init(_ rawValue: UInt32) { self.rawValue = rawValue }

    /// No record: what a link holds while it leads nowhere.
    ///
    /// Half the size of an `Optional`, and records are full of links.
    @inlinable public static var none: Self { Self(.max) }
}

/// A fixed number of records at fixed places, for one thread; taking and giving back a place is
/// O(1).
///
/// Records are plain structs; links between them are indices. A record that is retired keeps its
/// place, still readable, until ``reclaim()``, which a loop calls after each batch of events: code
/// further up the call chain may still hold the index. From the moment it is retired its old
/// ``token(of:)`` is no longer current, so a stale event is recognised, not obeyed.
///
/// All verbs are non-mutating on purpose: see ``Pinned`` for why, and for what the owner must keep.
@safe public struct Slab<Record: ~Copyable>: ~Copyable {
    @usableFromInline struct Slot: BitwiseCopyable {
        /// Odd while the record lives; 24 bits of it go into tokens.
        @usableFromInline var generation: UInt32
        /// The next free, or the next retired slot.
        @usableFromInline var next: UInt32
    }

    @usableFromInline struct State: BitwiseCopyable {
        @usableFromInline var firstFree: UInt32 = .max
        @usableFromInline var firstRetired: UInt32 = .max
        /// Slots below this one were used at least once.
        @usableFromInline var touched: UInt32 = 0
        @usableFromInline var count: UInt32 = 0
    }

    private let recordMemory: Reservation<Record>
    private let slotMemory: Reservation<Slot>
    @usableFromInline let records: UnsafeMutablePointer<Record>
    @usableFromInline let slots: UnsafeMutablePointer<Slot>
    @usableFromInline let state: Pinned<State>
    /// How many records there may be at a time, those retired included.
    public let capacity: Int

    /// Reserves the places; their memory comes with their first use.
    ///
    /// - Parameter capacity: records at a time, 1 to 2³¹.
    public init(capacity: Int) {
        precondition(capacity > 0 && capacity <= 1 << 31)
        self.capacity = capacity
        recordMemory = Reservation(capacity: capacity)
        slotMemory = Reservation(capacity: capacity)
        unsafe records = recordMemory.start
        unsafe slots = slotMemory.start
        state = Pinned(State())
    }

    deinit {
        for index in 0..<Int(state.value.touched) where unsafe slots[index].generation & 1 == 1 {
            unsafe (records + index).deinitialize(count: 1)
        }
    }

    /// How many records live.
    @inlinable public var count: Int { Int(state.value.count) }

    /// The record at a place, for reading and changing; O(1).
    ///
    /// The place must be one that ``insert(_:)`` gave, and not reclaimed since; a place beyond the
    /// capacity traps.
    @inlinable
    public subscript(_ index: SlabIndex<Record>) -> Record {
        unsafeAddress {
            precondition(index.rawValue < capacity)
            return unsafe UnsafePointer(records + Int(index.rawValue))
        }
        nonmutating unsafeMutableAddress {
            precondition(index.rawValue < capacity)
            return unsafe records + Int(index.rawValue)
        }
    }

    /// Stores a record; O(1).
    ///
    /// - Parameter record: the record.
    /// - Returns: its place; `nil`, and the record is destroyed, when all places are taken.
    @inlinable
    public func insert(_ record: consuming Record) -> SlabIndex<Record>? {
        var index = state.value.firstFree
        if index != .max {
            unsafe state.value.firstFree = slots[Int(index)].next
        } else {
            index = state.value.touched
            guard index < capacity else { return nil }
            state.value.touched = index &+ 1
        }
        unsafe slots[Int(index)].generation &+= 1
        unsafe (records + Int(index)).initialize(to: record)
        state.value.count &+= 1
        return SlabIndex(index)
    }

    /// Ends a record's life; O(1).
    ///
    /// Its memory stays until ``reclaim()``.
    @inlinable
    public func retire(_ index: SlabIndex<Record>) {
        precondition(isLive(index), "a record is retired once")
        let position = Int(index.rawValue)
        unsafe slots[position].generation &+= 1
        unsafe slots[position].next = state.value.firstRetired
        state.value.firstRetired = index.rawValue
        state.value.count &-= 1
    }

    /// Whether a record lives at a place.
    @inlinable
    public func isLive(_ index: SlabIndex<Record>) -> Bool {
        unsafe index.rawValue < state.value.touched
            && slots[Int(index.rawValue)].generation & 1 == 1
    }

    /// Destroys what was retired and frees the places; O(retired records).
    @inlinable
    public func reclaim() {
        while state.value.firstRetired != .max {
            let index = Int(state.value.firstRetired)
            unsafe state.value.firstRetired = slots[index].next
            unsafe (records + index).deinitialize(count: 1)
            unsafe slots[index].next = state.value.firstFree
            state.value.firstFree = UInt32(truncatingIfNeeded: index)
        }
    }

    /// What the kernel hands back with each event of a record: its place and its generation.
    @inlinable
    public func token(of index: SlabIndex<Record>, kind: EventToken.Kind) -> EventToken {
        precondition(isLive(index))
        return EventToken(
            kind: kind,
            generation: unsafe slots[Int(index.rawValue)].generation,
            index: index.rawValue
        )
    }

    /// The record that a token was made for, if it still lives.
    @inlinable
    public func current(_ token: EventToken) -> SlabIndex<Record>? {
        let index = SlabIndex<Record>(token.index)
        guard isLive(index),
            unsafe slots[Int(token.index)].generation & EventToken.generationMask
                == token.generation
        else { return nil }
        return index
    }

    /// The first place at or after a position where a record lives; walks all of them when
    /// repeated.
    public func live(from position: Int) -> SlabIndex<Record>? {
        var position = position
        while position < Int(state.value.touched) {
            let index = SlabIndex<Record>(UInt32(truncatingIfNeeded: position))
            if isLive(index) { return index }
            position += 1
        }
        return nil
    }
}
