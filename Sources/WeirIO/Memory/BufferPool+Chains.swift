// SPDX-License-Identifier: Apache-2.0

/// A chain links its buffers through their slots, as the free lists do: a buffer is in one list or
/// the other, and neither costs memory of its own.
extension BufferPool {
    /// Whether a chain could be made longer.
    public enum Growth: BitwiseCopyable, Equatable, Sendable {
        case done
        /// The pool's limit is reached; nothing was appended.
        case outOfBuffers
    }

    /// Appends a copy of bytes; O(bytes).
    ///
    /// A new buffer is as large as the chain was: many small pieces come to lie in few buffers.
    ///
    /// - Parameters:
    ///   - source: what to copy, in a buffer outside of the chain; at most ``largestSize`` bytes.
    ///   - chain: what it follows.
    /// - Returns: whether there was room.
    public func append(_ source: BufferRange, to chain: inout BufferChain) -> Growth {
        guard !source.isEmpty else { return .done }
        precondition(chain.count + source.count <= UInt32.max)
        let room = chain.last == .none ? 0 : size(of: chain.last) - range(of: chain.last).upperBound
        let head = source.prefix(room)
        let rest = source.dropping(head.count)
        var added = BufferRange.none
        if !rest.isEmpty {
            let size = min(max(rest.count, chain.count), Self.largestSize)
            guard let buffer = take(size) else { return .outOfBuffers }
            added = BufferRange(buffer, 0..<0)
        }
        if !head.isEmpty {
            var tail = range(of: chain.last)
            append(to: &tail, copying: head)
            setRange(of: chain.last, to: tail)
            chain.byteCount += UInt32(head.count)
        }
        if !rest.isEmpty {
            append(to: &added, copying: rest)
            adopt(added, behind: &chain)
        }
        return .done
    }

    /// Makes a buffer the last one of a chain, which owns it from then on; O(1).
    ///
    /// - Parameters:
    ///   - range: its bytes; without any it is given back.
    ///   - chain: what they follow.
    public func adopt(_ range: BufferRange, behind chain: inout BufferChain) {
        guard !range.isEmpty else {
            give(back: range.buffer)
            return
        }
        setRange(of: range.buffer, to: range)
        setNext(of: range.buffer, to: .none)
        if chain.isEmpty {
            chain.first = range.buffer
        } else {
            setNext(of: chain.last, to: range.buffer)
        }
        chain.last = range.buffer
        chain.byteCount += UInt32(range.count)
    }

    /// Makes a buffer the first one of a chain, which owns it from then on; O(1).
    ///
    /// - Parameters:
    ///   - range: its bytes, at least one.
    ///   - chain: what follows them.
    public func adopt(_ range: BufferRange, before chain: inout BufferChain) {
        precondition(!range.isEmpty)
        setRange(of: range.buffer, to: range)
        setNext(of: range.buffer, to: chain.first)
        if chain.isEmpty { chain.last = range.buffer }
        chain.first = range.buffer
        chain.byteCount += UInt32(range.count)
    }

    /// Removes bytes from the front, and gives back the buffers that they filled; O(buffers).
    ///
    /// - Parameters:
    ///   - count: how many bytes, at most all.
    ///   - chain: loses them.
    public func drop(_ count: Int, from chain: inout BufferChain) {
        precondition(count >= 0 && count <= chain.count)
        chain.byteCount -= UInt32(count)
        var left = count
        while chain.first != .none {
            let bytes = range(of: chain.first)
            guard left >= bytes.count else {
                setRange(of: chain.first, to: bytes.dropping(left))
                return
            }
            left -= bytes.count
            let next = next(of: chain.first)
            give(back: chain.first)
            chain.first = next
        }
        chain.last = .none
    }

    /// Gives back all buffers of a chain; O(buffers).
    public func discard(_ chain: inout BufferChain) {
        drop(chain.count, from: &chain)
    }

    /// Copies all bytes of a chain behind those of a buffer that has room for them.
    public func append(to range: inout BufferRange, copying chain: BufferChain) {
        var buffer = chain.first
        while buffer != .none {
            append(to: &range, copying: self.range(of: buffer))
            buffer = next(of: buffer)
        }
    }

    /// Copies the front of a chain; removes nothing.
    ///
    /// - Parameters:
    ///   - target: where to; no more bytes than the chain has.
    ///   - chain: where the bytes are, in buffers other than the target's.
    public func copy(into target: BufferRange, from chain: BufferChain) {
        precondition(target.count <= chain.count)
        var written = BufferRange(target.buffer, target.lowerBound..<target.lowerBound)
        var buffer = chain.first
        while written.end < target.end {
            let rest = Int(target.end - written.end)
            append(to: &written, copying: range(of: buffer).prefix(rest))
            buffer = next(of: buffer)
        }
    }

    /// Writes the front of a chain to a socket with one system call; removes nothing.
    ///
    /// - Parameters:
    ///   - chain: where the bytes are; not empty.
    ///   - limit: how many bytes at most, at least 1.
    ///   - socket: where to.
    /// - Returns: how it went, and how many bytes were offered.
    public func send(
        _ chain: BufferChain,
        upTo limit: Int,
        to socket: borrowing StreamSocket
    ) -> (transfer: Transfer, offered: Int) {
        var parts = [3 of BufferRange](repeating: .none)
        var offered = 0
        var buffer = chain.first
        for position in parts.indices where buffer != .none && offered < limit {
            parts[position] = range(of: buffer).prefix(limit - offered)
            offered += parts[position].count
            buffer = next(of: buffer)
        }
        return (send(parts[0], parts[1], parts[2], to: socket), offered)
    }

    // MARK: Links

    private func range(of buffer: BufferID) -> BufferRange {
        let slot = unsafe slots[Int(buffer.rawValue)]
        return BufferRange(buffer, Int(slot.start)..<Int(slot.end))
    }

    private func setRange(of buffer: BufferID, to range: BufferRange) {
        precondition(range.buffer == buffer && range.upperBound <= size(of: buffer))
        unsafe slots[Int(buffer.rawValue)].start = range.start
        unsafe slots[Int(buffer.rawValue)].end = range.end
    }

    private func next(of buffer: BufferID) -> BufferID {
        unsafe BufferID(rawValue: slots[Int(buffer.rawValue)].next)
    }

    private func setNext(of buffer: BufferID, to next: BufferID) {
        unsafe slots[Int(buffer.rawValue)].next = next.rawValue
    }
}
