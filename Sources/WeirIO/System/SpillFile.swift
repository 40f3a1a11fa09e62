// SPDX-License-Identifier: Apache-2.0

internal import CLinux

/// Bytes that wait in a file without a name, first in, first out.
///
/// Nobody else can open it, and the kernel frees it with the last descriptor, however the process
/// ends. Writes go to the page cache; they wait only while the kernel's own write-back is behind.
public struct SpillFile: ~Copyable, Sendable {
    private let descriptor: Descriptor
    private var start: UInt64 = 0
    private var end: UInt64 = 0

    /// Makes an empty file.
    ///
    /// - Parameter directory: where; the file is never seen there.
    /// - Throws: ``SystemError``, when the directory is missing or takes no files.
    public init(in directory: String) throws(SystemError) {
        let number = unsafe weir_open_unnamed(directory)
        descriptor = Descriptor(owning: try SystemError.check(number, "open"))
    }

    /// How many bytes wait.
    public var count: UInt64 { end - start }

    /// How many bytes the file takes up, those that were sent already among them.
    public var size: UInt64 { end }

    /// Appends bytes; all of them, or none.
    ///
    /// - Parameters:
    ///   - source: which bytes.
    ///   - buffers: the pool that they are in.
    /// - Throws: ``SystemError``, such as ENOSPC.
    public mutating func append(
        _ source: BufferRange,
        of buffers: borrowing BufferPool
    ) throws(SystemError) {
        var left = source
        var position = end
        while !left.isEmpty {
            let written = buffers.write(left, to: descriptor, at: position)
            guard written > 0 else {
                throw SystemError("write", code: Int32(truncatingIfNeeded: -written))
            }
            left = left.dropping(written)
            position += UInt64(written)
        }
        end = position
    }

    /// Copies bytes from the front, and forgets them.
    ///
    /// - Parameters:
    ///   - target: where to; no more bytes than wait.
    ///   - buffers: the pool that it is in.
    /// - Throws: ``SystemError``, such as EIO.
    public mutating func take(
        into target: BufferRange,
        of buffers: borrowing BufferPool
    ) throws(SystemError) {
        precondition(target.count <= count)
        var left = target
        while !left.isEmpty {
            let received = buffers.read(into: left, from: descriptor, at: start)
            guard received > 0 else {
                throw SystemError("read", code: Int32(truncatingIfNeeded: -received))
            }
            left = left.dropping(received)
            start += UInt64(received)
        }
    }

    /// Sends bytes from the front, from the page cache to the socket (sendfile), and forgets them.
    ///
    /// - Parameters:
    ///   - socket: where to.
    ///   - limit: how many bytes at most, at least 1.
    /// - Returns: how it went.
    public mutating func send(to socket: borrowing StreamSocket, upTo limit: Int) -> Transfer {
        let wanted = Int(min(count, UInt64(limit)))
        let sent = weir_send_file(socket.number, descriptor.rawValue, Int64(start), wanted)
        if sent > 0 { start += UInt64(sent) }
        return Transfer(sent: sent)
    }
}
