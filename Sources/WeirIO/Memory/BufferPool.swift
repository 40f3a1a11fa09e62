// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc

/// The byte buffers of one event loop.
///
/// Two of them serve every connection in turn, for reading and for writing; a connection holds one
/// only while it has bytes that the other side does not take yet. Four sizes; what is given back is
/// kept for the next one, up to a few of each. All verbs are non-mutating: see ``Pinned``.
@safe public struct BufferPool: ~Copyable {
    /// What one read takes at most: larger reads gained nothing (performance notes §3).
    public static let readSize = 65_536
    /// The largest buffer: one read, and a head of its own making before it.
    public static let largestSize = 73_728
    /// Bytes that may be read, never written, after a buffer's last one: vector loads need no tail
    /// of their own.
    static let spare = 64

    private static let sizes: [4 of Int] = [1_024, 4_096, 16_384, 73_728]
    /// Free buffers of each size that keep their memory.
    private static let kept: [4 of UInt32] = [256, 128, 64, 16]

    @safe @usableFromInline struct Slot {
        /// `nil` while the slot stands for no buffer.
        @usableFromInline var memory: UnsafeMutableRawPointer?
        @usableFromInline var size: UInt32
        /// The next free slot of the same kind; of a buffer in a ``BufferChain`` the next one there.
        @usableFromInline var next: UInt32
        /// Of a buffer in a ``BufferChain``: its bytes that belong to it.
        var start: UInt32 = 0
        var end: UInt32 = 0
    }

    /// All of it lies behind one pointer: that is what calls into this module pass.
    @safe @usableFromInline struct State: ~Copyable {
        /// The first free slot of each size that has memory, and how many there are.
        var firstKept = [4 of UInt32](repeating: .max)
        var keptCount = [4 of UInt32](repeating: 0)
        /// The first slot without memory.
        var firstEmpty: UInt32 = .max
        /// Slots below this one were used at least once.
        var touched: UInt32 = 0
        var bytes = 0
        let limit: Int
        @usableFromInline let capacity: UInt32
        @usableFromInline let slots: UnsafeMutablePointer<Slot>
        private let slotMemory: Reservation<Slot>

        init(limit: Int) {
            self.limit = limit
            capacity = UInt32(clamping: limit / BufferPool.sizes[0] + 1)
            slotMemory = Reservation(capacity: Int(capacity))
            unsafe slots = slotMemory.start
        }

        deinit {
            for position in 0..<Int(touched) { unsafe free(slots[position].memory) }
        }
    }

    @usableFromInline let state: Pinned<State>

    /// A pool without a buffer.
    ///
    /// - Parameter limit: how many bytes all buffers together may have; at least two of the largest
    ///   size.
    public init(limit: Int) {
        precondition(limit >= 2 * Self.largestSize)
        state = Pinned(State(limit: limit))
    }

    /// How many bytes all buffers together may have.
    public var limit: Int { state.value.limit }

    @usableFromInline var slots: UnsafeMutablePointer<Slot> {
        @inline(__always) get { unsafe state.value.slots }
    }
    @usableFromInline var capacity: UInt32 {
        @inline(__always) get { state.value.capacity }
    }

    /// How many bytes the buffers have now, those kept for later included.
    public var bytes: Int { state.value.bytes }

    /// How many bytes the buffers have that were taken and not given back.
    public var bytesInUse: Int {
        var free = 0
        for sizeClass in Self.sizes.indices {
            free &+= Int(state.value.keptCount[sizeClass]) &* Self.sizes[sizeClass]
        }
        return state.value.bytes &- free
    }

    private static func sizeClass(for size: Int) -> Int {
        size <= 4_096 ? (size <= 1_024 ? 0 : 1) : (size <= 16_384 ? 2 : 3)
    }

    /// Takes a buffer.
    ///
    /// - Parameter size: how many bytes it must have at least, up to ``largestSize``.
    /// - Returns: the buffer; `nil` when the pool's limit is reached.
    public func take(_ size: Int) -> BufferID? {
        precondition(size <= Self.largestSize)
        let sizeClass = Self.sizeClass(for: size)
        let position = state.value.firstKept[sizeClass]
        guard position != .max else { return takeNew(sizeClass) }
        unsafe state.value.firstKept[sizeClass] = slots[Int(position)].next
        state.value.keptCount[sizeClass] &-= 1
        return BufferID(rawValue: position)
    }

    private func takeNew(_ sizeClass: Int) -> BufferID? {
        let size = Self.sizes[sizeClass]
        if state.value.bytes + size > limit { freeKept() }
        guard state.value.bytes + size <= limit,
            let memory = unsafe malloc(size + Self.spare)
        else { return nil }
        var position = state.value.firstEmpty
        if position != .max {
            unsafe state.value.firstEmpty = slots[Int(position)].next
        } else {
            position = state.value.touched
            precondition(position < capacity)
            state.value.touched = position + 1
        }
        unsafe slots[Int(position)] = Slot(memory: memory, size: UInt32(size), next: .max)
        state.value.bytes += size
        return BufferID(rawValue: position)
    }

    /// Gives a buffer back; ``BufferID/none`` is ignored.
    @inlinable
    public func give(back buffer: BufferID) {
        if buffer != .none { takeBack(buffer) }
    }

    @usableFromInline
    func takeBack(_ buffer: BufferID) {
        let sizeClass = Self.sizeClass(for: size(of: buffer))
        if state.value.keptCount[sizeClass] < Self.kept[sizeClass] {
            unsafe slots[Int(buffer.rawValue)].next = state.value.firstKept[sizeClass]
            state.value.firstKept[sizeClass] = buffer.rawValue
            state.value.keptCount[sizeClass] &+= 1
        } else {
            release(buffer.rawValue)
        }
    }

    private func release(_ position: UInt32) {
        let slot = unsafe slots[Int(position)]
        state.value.bytes -= Int(slot.size)
        unsafe free(slot.memory)
        unsafe slots[Int(position)] = Slot(memory: nil, size: 0, next: state.value.firstEmpty)
        state.value.firstEmpty = position
    }

    /// At the limit, memory that is kept for later is needed now, in another size.
    private func freeKept() {
        for sizeClass in 0..<4 {
            while state.value.firstKept[sizeClass] != .max {
                let position = state.value.firstKept[sizeClass]
                unsafe state.value.firstKept[sizeClass] = slots[Int(position)].next
                release(position)
            }
            state.value.keptCount[sizeClass] = 0
        }
    }

    /// How many bytes a buffer has; 0 for ``BufferID/none`` and for one whose memory is gone.
    @inlinable
    public func size(of buffer: BufferID) -> Int {
        buffer.rawValue < capacity ? unsafe Int(slots[Int(buffer.rawValue)].size) : 0
    }

    /// The memory of a range, after checking that it lies within a buffer.
    @inlinable
    func memory(of range: BufferRange) -> UnsafeMutableRawPointer {
        // A slot that was never used is zeroed memory: it has no bytes for a range to lie in.
        precondition(range.start <= range.end && range.buffer.rawValue < capacity)
        let slot = unsafe slots + Int(range.buffer.rawValue)
        guard unsafe range.end <= slot.pointee.size, let memory = unsafe slot.pointee.memory else {
            preconditionFailure("a range lies within a buffer that is in use")
        }
        return unsafe memory + range.lowerBound
    }
}
