// SPDX-License-Identifier: Apache-2.0

internal import WeirIO

/// What the sides of a transfer have not taken yet.
extension ProxyLoop {
    /// How many bytes of one connection are moved before the others have their turn.
    static var turnBytesMax: Int { 1 << 20 }

    // MARK: Putting in

    /// Whether more may be read for a side that is behind.
    ///
    /// - Parameters:
    ///   - spool: what it has not taken yet.
    ///   - limit: bytes of memory before a file is used; 0 keeps no more than was read already.
    /// - Returns: whether there is room for another read.
    func hasRoom(_ spool: Spool, within limit: Int) -> Bool {
        if spool.isEmpty { return true }
        guard limit > 0 else { return false }
        if spool.spilling == .allowed { return true }
        // Without a file there is memory, unless some of it was taken beyond the budget already.
        return spool.file == .none && spool.chain.count < limit
            && spool.chain.count == Int(spool.budgeted)
    }

    /// Appends the parts of a message.
    ///
    /// What was read has to go somewhere: where neither memory nor a file may take it, it is kept in
    /// memory all the same, and ``hasRoom(_:within:)`` says no from then on.
    ///
    /// - Parameters:
    ///   - head: the first part; any part may be empty.
    ///   - body: what follows it.
    ///   - ending: what follows that.
    ///   - count: how many bytes from the start to leave out.
    ///   - spool: what they follow.
    ///   - limit: bytes of memory before a file is used; 0 uses none.
    /// - Returns: whether there was room in the loop's buffers.
    func append(
        _ head: BufferRange,
        _ body: BufferRange,
        _ ending: BufferRange,
        dropping count: Int = 0,
        to spool: inout Spool,
        within limit: Int = 0
    ) -> Keeping {
        let parts: [3 of BufferRange] = [head, body, ending]
        var left = count
        for position in parts.indices {
            let skipped = min(left, parts[position].count)
            left -= skipped
            let part = parts[position].dropping(skipped)
            guard append(part, to: &spool, within: limit) == .done else { return .outOfBuffers }
        }
        return .done
    }

    /// Appends bytes, see ``append(_:_:_:dropping:to:within:)``.
    func append(_ bytes: BufferRange, to spool: inout Spool, within limit: Int = 0) -> Keeping {
        guard !bytes.isEmpty else { return .done }
        if limit > 0 {
            if spool.file == .none, spool.chain.count + bytes.count <= limit,
                budget.takeMemory(bytes.count)
            {
                spool.budgeted += UInt32(bytes.count)
            } else if canSpill(spool), spill(bytes, &spool) {
                return .done
            }
        }
        return buffers.append(bytes, to: &spool.chain) == .done ? .done : .outOfBuffers
    }

    /// Puts bytes in front of all others.
    ///
    /// - Parameters:
    ///   - bytes: at least one, in a buffer that the spool owns from then on.
    ///   - spool: what follows them.
    func prepend(_ bytes: BufferRange, to spool: inout Spool) {
        buffers.adopt(bytes, before: &spool.chain)
        spool.leading += UInt32(bytes.count)
    }

    private func canSpill(_ spool: Spool) -> Bool {
        spool.spilling == .allowed
            && (spool.file == .none || spool.chain.count == Int(spool.leading))
    }

    private func spill(_ bytes: BufferRange, _ spool: inout Spool) -> Bool {
        guard budget.takeSpill(bytes.count) else {
            refuseSpill(&spool, .limit)
            return false
        }
        do throws(SystemError) {
            if spool.file == .none {
                guard let file = spills.insert(try SpillFile(in: plan.spillDirectory)) else {
                    budget.giveBack(spill: bytes.count)
                    refuseSpill(&spool, .limit)
                    return false
                }
                metrics.spillOpened()
                spool.file = file
                spool.leading = UInt32(spool.chain.count)
            }
            try spills[spool.file].append(bytes, of: buffers)
            metrics.spilled(bytes: bytes.count)
            return true
        } catch {
            budget.giveBack(spill: bytes.count)
            log.limited(
                .warning,
                "cannot spill a body, it passes as fast as it is taken",
                ["directory": plan.spillDirectory, "error": error.description]
            )
            refuseSpill(&spool, .system)
            if spool.file != .none, spills[spool.file].count == 0 { closeFile(of: &spool) }
            return false
        }
    }

    private func refuseSpill(_ spool: inout Spool, _ failure: SpillFailure) {
        spool.spilling = .refused
        metrics.spillFailed(failure)
    }

    // MARK: Taking out

    /// How the sending of what waits came to a halt.
    enum Halt: BitwiseCopyable, Equatable {
        /// Nothing waits any more.
        case emptied
        /// The socket is full: an event will tell when it is not.
        case blocked
        /// It was this connection's share of the turn: no event will come.
        case paused
        case failed(ErrorCode)
    }

    /// Sends what waits, as far as the socket takes it.
    ///
    /// - Parameters:
    ///   - spool: what waits.
    ///   - socket: who takes it.
    /// - Returns: how many bytes went, and why no more.
    func flush(_ spool: inout Spool, to socket: borrowing StreamSocket) -> (sent: Int, halt: Halt) {
        var sent = 0
        while !spool.isEmpty {
            guard sent < Self.turnBytesMax else { return (sent, .paused) }
            let isFile = spool.file != .none && spool.leading == 0
            let transfer: Transfer
            var offered = 0
            if isFile {
                transfer = spills[spool.file].send(to: socket, upTo: Self.turnBytesMax - sent)
            } else {
                let limit = spool.file == .none ? spool.chain.count : Int(spool.leading)
                (transfer, offered) = buffers.send(spool.chain, upTo: limit, to: socket)
            }
            switch transfer {
            case .bytes(let count):
                sent += count
                if isFile {
                    if spills[spool.file].count == 0 { closeFile(of: &spool) }
                } else {
                    drop(count, from: &spool)
                    if count < offered { return (sent, .blocked) }
                }
            case .wouldBlock, .end: return (sent, .blocked)
            case .failed(let code): return (sent, .failed(code))
            }
        }
        return (sent, .emptied)
    }

    /// Takes the first bytes out, into a buffer.
    ///
    /// - Parameters:
    ///   - target: where to; no more bytes than wait.
    ///   - spool: what waits.
    /// - Returns: whether they could be read; else the rest is not to be used.
    func take(into target: BufferRange, from spool: inout Spool) -> Bool {
        var left = target
        while !left.isEmpty {
            if spool.file != .none, spool.leading == 0 {
                let available = spills[spool.file].count
                let piece = left.prefix(Int(min(available, UInt64(left.count))))
                do throws(SystemError) {
                    try spills[spool.file].take(into: piece, of: buffers)
                } catch {
                    log.limited(
                        .warning,
                        "cannot read what was spilled",
                        ["directory": plan.spillDirectory, "error": error.description]
                    )
                    metrics.spillFailed(.system)
                    return false
                }
                left = left.dropping(piece.count)
                if spills[spool.file].count == 0 { closeFile(of: &spool) }
            } else {
                let limit = spool.file == .none ? spool.chain.count : Int(spool.leading)
                let piece = left.prefix(limit)
                buffers.copy(into: piece, from: spool.chain)
                drop(piece.count, from: &spool)
                left = left.dropping(piece.count)
            }
        }
        return true
    }

    private func drop(_ count: Int, from spool: inout Spool) {
        buffers.drop(count, from: &spool.chain)
        spool.leading -= min(spool.leading, UInt32(count))
        let rest = UInt32(spool.chain.count)
        guard spool.budgeted > rest else { return }
        budget.giveBack(memory: Int(spool.budgeted - rest))
        spool.budgeted = rest
    }

    /// Forgets everything that waits.
    func discard(_ spool: inout Spool) {
        if spool.isEmpty { return }
        drop(spool.chain.count, from: &spool)
        if spool.file != .none { closeFile(of: &spool) }
    }

    private func closeFile(of spool: inout Spool) {
        let size = Int(spills[spool.file].size)
        budget.giveBack(spill: size)
        metrics.spillClosed(bytes: size)
        spills.retire(spool.file)
        spool.file = .none
        spool.leading = 0
    }
}
