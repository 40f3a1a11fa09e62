// SPDX-License-Identifier: Apache-2.0

internal import WeirIO

extension ProxyLoop {
    /// Where the next read of a connection goes: behind what it keeps, or into the loop's inbox.
    ///
    /// - Parameter kept: what the connection keeps; may be moved to make room.
    /// - Returns: the bytes that are there already, and how many more fit; 0 when the pool's limit is
    ///   reached.
    func readTarget(_ kept: inout BufferRange) -> (received: BufferRange, room: Int) {
        guard !kept.isEmpty else { return (BufferRange(inbox, 0..<0), BufferPool.readSize) }
        // What is kept doubles at most: a head that drips in holds little memory.
        let room = buffers.makeRoom(behind: &kept, for: max(1_024, kept.count))
        return (kept, room)
    }

    /// Whether bytes could be kept.
    enum Keeping: BitwiseCopyable {
        case done
        /// The pool's limit is reached.
        case outOfBuffers
    }

    /// Keeps what was not consumed, in a buffer no larger than it needs.
    ///
    /// - Parameters:
    ///   - rest: what was not consumed, in the inbox or in the buffer of `kept`.
    ///   - kept: what was kept before; becomes `rest`.
    /// - Returns: whether there was room.
    func keep(_ rest: BufferRange, in kept: inout BufferRange) -> Keeping {
        if rest.isEmpty {
            buffers.give(back: kept.buffer)
            kept = .none
        } else if rest.buffer == kept.buffer {
            kept = rest
        } else if let copy = buffers.keep(rest) {
            kept = copy
        } else {
            return .outOfBuffers
        }
        return .done
    }
}
