// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc

extension BufferPool {
    /// Lends the bytes of a range.
    ///
    /// - Parameters:
    ///   - range: which bytes.
    ///   - body: reads them; must not write to the same buffer meanwhile.
    /// - Returns: what `body` returns.
    @inlinable
    @inline(__always)
    public func read<Result>(_ range: BufferRange, _ body: (RawSpan) -> Result) -> Result {
        guard !range.isEmpty else { return body(RawSpan()) }
        return body(unsafe RawSpan(_unsafeStart: memory(of: range), byteCount: range.count))
    }

    /// Appends to a buffer.
    ///
    /// - Parameters:
    ///   - range: bytes written before; what is new follows them.
    ///   - body: writes into the rest of the buffer; must not touch the same buffer otherwise.
    @inlinable
    @inline(__always)
    public func append(to range: inout BufferRange, _ body: (inout OutputRawSpan) -> Void) {
        append(to: &range, reading: .none) { _, output in body(&output) }
    }

    /// Appends to a buffer while reading from another one.
    ///
    /// - Parameters:
    ///   - range: bytes written before; what is new follows them.
    ///   - source: what to read; must be in another buffer.
    ///   - body: reads the source, and writes into the rest of the buffer.
    @inlinable
    @inline(__always)
    public func append(
        to range: inout BufferRange,
        reading source: BufferRange,
        _ body: (RawSpan, inout OutputRawSpan) -> Void
    ) {
        precondition(range.buffer != source.buffer)
        let free = unsafe UnsafeMutableRawBufferPointer(
            start: memory(of: range) + range.count,
            count: size(of: range.buffer) - range.upperBound
        )
        var output = unsafe OutputRawSpan(buffer: free, initializedCount: 0)
        let bytes =
            source.isEmpty
            ? RawSpan()
            : unsafe RawSpan(_unsafeStart: memory(of: source), byteCount: source.count)
        body(bytes, &output)
        range.end &+= UInt32(truncatingIfNeeded: unsafe output.finalize(for: free))
    }

    /// Appends a copy of other bytes.
    ///
    /// - Parameters:
    ///   - range: bytes written before; its buffer must have room.
    ///   - source: what to copy; may be empty.
    public func append(to range: inout BufferRange, copying source: BufferRange) {
        guard !source.isEmpty else { return }
        precondition(size(of: range.buffer) - range.upperBound >= source.count)
        unsafe memcpy(memory(of: range) + range.count, memory(of: source), source.count)
        range.end &+= UInt32(truncatingIfNeeded: source.count)
    }

    /// Appends a copy of bytes that lie elsewhere.
    ///
    /// - Parameters:
    ///   - range: bytes written before; its buffer must have room.
    ///   - source: what to copy; may be empty.
    public func append(to range: inout BufferRange, copying source: RawSpan) {
        let count = source.byteCount
        guard count > 0 else { return }
        precondition(size(of: range.buffer) - range.upperBound >= count)
        unsafe source.withUnsafeBytes { bytes in
            guard let start = bytes.baseAddress else { return }
            unsafe memcpy(memory(of: range) + range.count, start, count)
        }
        range.end &+= UInt32(truncatingIfNeeded: count)
    }

    /// The bytes of a range in new memory; for what is not on a request's way.
    public func copy(of range: BufferRange) -> [UInt8] {
        guard !range.isEmpty else { return [] }
        return unsafe Array(UnsafeRawBufferPointer(start: memory(of: range), count: range.count))
    }

    /// Moves bytes down within their buffer.
    ///
    /// - Parameters:
    ///   - range: what to move.
    ///   - position: where its first byte goes, at or before its place now.
    public func move(_ range: BufferRange, to position: Int) {
        precondition(position >= 0 && position <= range.lowerBound)
        let target = BufferRange(range.buffer, position..<range.upperBound)
        unsafe memmove(memory(of: target), memory(of: range), range.count)
    }

    /// Copies bytes into a buffer of their own.
    ///
    /// - Parameter range: which bytes.
    /// - Returns: the copy, with a buffer that the caller gives back; `nil` when the pool's limit
    ///   is reached.
    public func keep(_ range: BufferRange) -> BufferRange? {
        guard let buffer = take(range.count) else { return nil }
        var kept = BufferRange(buffer, 0..<0)
        append(to: &kept, copying: range)
        return kept
    }

    /// Makes room for more bytes behind those that a connection keeps.
    ///
    /// - Parameters:
    ///   - range: what it keeps; moved to the front of its buffer, or to a larger one.
    ///   - size: how many bytes must fit behind, up to the largest buffer.
    /// - Returns: how many fit; less than asked when the pool's limit or the largest size is
    ///   reached.
    public func makeRoom(behind range: inout BufferRange, for size: Int) -> Int {
        let wanted = min(range.count + size, Self.largestSize)
        if self.size(of: range.buffer) < wanted, let larger = take(wanted) {
            var moved = BufferRange(larger, 0..<0)
            append(to: &moved, copying: range)
            give(back: range.buffer)
            range = moved
        } else if range.lowerBound > 0, self.size(of: range.buffer) - range.upperBound < size {
            move(range, to: 0)
            range = BufferRange(range.buffer, 0..<range.count)
        }
        return min(size, self.size(of: range.buffer) - range.upperBound)
    }

    /// Reads from a socket behind the bytes of a range.
    ///
    /// - Parameters:
    ///   - socket: where to read from.
    ///   - range: bytes read before; grows by what is read.
    ///   - count: how many bytes at most; they must fit.
    /// - Returns: how it went.
    public func receive(
        from socket: borrowing StreamSocket,
        behind range: inout BufferRange,
        upTo count: Int
    ) -> Transfer {
        precondition(count > 0 && count <= size(of: range.buffer) - range.upperBound)
        let received = unsafe weir_receive(
            socket.number,
            memory(of: range) + range.count,
            count
        )
        if received > 0 { range.end &+= UInt32(truncatingIfNeeded: received) }
        return Transfer(received: received)
    }

    /// Writes up to three ranges to a socket with one system call.
    ///
    /// - Parameters:
    ///   - first: the first part; any part may be empty, not all of them.
    ///   - second: what follows it.
    ///   - third: what follows that.
    ///   - socket: where to.
    ///   - haste: whether it may wait for what is sent next.
    /// - Returns: how it went; fewer bytes than given means that the socket is full.
    public func send(
        _ first: BufferRange,
        _ second: BufferRange = .none,
        _ third: BufferRange = .none,
        to socket: borrowing StreamSocket,
        _ haste: Haste = .now
    ) -> Transfer {
        if third.isEmpty, haste == .now {
            if second.isEmpty { return sendOne(first, to: socket) }
            if first.isEmpty { return sendOne(second, to: socket) }
        }
        return unsafe Transfer(
            sent: weir_send_parts(
                socket.number,
                part(first),
                first.count,
                part(second),
                second.count,
                part(third),
                third.count,
                haste == .withTheNext ? 1 : 0
            )
        )
    }

    /// Writes to a file.
    ///
    /// - Returns: how many bytes were written, or the negated errno.
    func write(
        _ range: BufferRange,
        to file: borrowing Descriptor,
        at position: UInt64
    ) -> Int {
        unsafe weir_write_at(file.rawValue, memory(of: range), range.count, Int64(position))
    }

    /// Reads from a file.
    ///
    /// - Returns: how many bytes were read, or the negated errno.
    func read(
        into range: BufferRange,
        from file: borrowing Descriptor,
        at position: UInt64
    ) -> Int {
        unsafe weir_read_at(file.rawValue, memory(of: range), range.count, Int64(position))
    }

    private func sendOne(_ range: BufferRange, to socket: borrowing StreamSocket) -> Transfer {
        unsafe Transfer(sent: weir_send(socket.number, memory(of: range), range.count))
    }

    private func part(_ range: BufferRange) -> UnsafeMutableRawPointer? {
        range.isEmpty ? nil : unsafe memory(of: range)
    }
}
