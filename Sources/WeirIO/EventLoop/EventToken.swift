// SPDX-License-Identifier: Apache-2.0

/// The 64 bits that epoll keeps with a descriptor: what kind of thing it is, and which one.
///
/// The generation tells a record from the one that had its place before, so that an event of the
/// old one, still in the same batch, is not taken for the new one's.
public struct EventToken: BitwiseCopyable, Equatable, Sendable {
    /// What a descriptor belongs to; its meaning is the loop's own.
    public typealias Kind = UInt8

    @usableFromInline static var generationMask: UInt32 { 0xFF_FFFF }

    /// The bits, as the kernel keeps them.
    public let rawValue: UInt64

    @inlinable init(rawValue: UInt64) { self.rawValue = rawValue }

    /// Packs a token; of the generation 24 bits are kept.
    @inlinable
    public init(kind: Kind, generation: UInt32 = 0, index: UInt32) {
        rawValue =
            UInt64(kind) &<< 56 | UInt64(generation & Self.generationMask) &<< 32 | UInt64(index)
    }

    /// What the descriptor belongs to.
    @inlinable public var kind: Kind { Kind(truncatingIfNeeded: rawValue &>> 56) }
    /// The low 24 bits of the record's generation.
    @inlinable public var generation: UInt32 {
        UInt32(truncatingIfNeeded: rawValue &>> 32) & Self.generationMask
    }
    /// The record's place.
    @inlinable public var index: UInt32 { UInt32(truncatingIfNeeded: rawValue) }
}
