// SPDX-License-Identifier: Apache-2.0

/// A buffer of a ``BufferPool``: a number that means nothing in any other pool.
public struct BufferID: BitwiseCopyable, Equatable, Sendable {
    /// The place of its slot.
    @usableFromInline let rawValue: UInt32

    @inlinable init(rawValue: UInt32) { self.rawValue = rawValue }

    /// No buffer.
    @inlinable public static var none: Self { Self(rawValue: .max) }
}

/// Bytes within a buffer; plain numbers that keep nothing alive.
public struct BufferRange: BitwiseCopyable, Equatable, Sendable {
    /// The buffer.
    public var buffer: BufferID
    /// The first byte.
    public var start: UInt32
    /// The byte after the last one.
    public var end: UInt32

    /// Names bytes of a buffer.
    @inlinable
    public init(_ buffer: BufferID, _ range: Range<Int>) {
        self.buffer = buffer
        start = UInt32(truncatingIfNeeded: range.lowerBound)
        end = UInt32(truncatingIfNeeded: range.upperBound)
    }

    /// No bytes of no buffer.
    @inlinable public static var none: Self { Self(.none, 0..<0) }

    /// How many bytes there are.
    @inlinable public var count: Int { Int(end &- start) }
    /// Whether there is no byte.
    @inlinable public var isEmpty: Bool { start == end }
    /// The position of the first byte.
    @inlinable public var lowerBound: Int { Int(start) }
    /// The position after the last byte.
    @inlinable public var upperBound: Int { Int(end) }

    /// The first bytes, all of them where there are no more.
    @inlinable
    public func prefix(_ count: Int) -> Self {
        Self(buffer, lowerBound..<lowerBound + min(count, self.count))
    }

    /// The bytes at these offsets from the first one, which must be among them.
    @inlinable
    public func extracting(_ offsets: Range<Int>) -> Self {
        precondition(offsets.lowerBound >= 0 && offsets.upperBound <= count)
        return Self(buffer, lowerBound + offsets.lowerBound..<lowerBound + offsets.upperBound)
    }

    /// The same without its first bytes.
    @inlinable
    public func dropping(_ count: Int) -> Self {
        precondition(count >= 0 && count <= self.count)
        return Self(buffer, lowerBound + count..<upperBound)
    }
}
