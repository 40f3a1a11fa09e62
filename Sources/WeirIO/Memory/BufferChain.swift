// SPDX-License-Identifier: Apache-2.0

/// Bytes that wait in any number of buffers, first in, first out.
///
/// Plain numbers that keep nothing alive: whoever drops a chain gives its buffers back first, with
/// ``BufferPool/discard(_:)``. There is one value of a chain at a time; a copy of it goes stale with
/// the next change.
public struct BufferChain: BitwiseCopyable, Sendable {
    @usableFromInline var first: BufferID
    @usableFromInline var last: BufferID
    @usableFromInline var byteCount: UInt32

    /// No bytes; in line, since every exchange and connection begins with it.
    @inlinable public static var none: Self { Self() }

    @inlinable
    init() {
        (first, last, byteCount) = (.none, .none, 0)
    }

    /// How many bytes there are; below 2³².
    @inlinable public var count: Int { Int(byteCount) }
    /// Whether there is no byte.
    @inlinable public var isEmpty: Bool { byteCount == 0 }
}
