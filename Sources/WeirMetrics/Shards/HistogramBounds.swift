// SPDX-License-Identifier: Apache-2.0

public import Synchronization

/// The upper bounds of a histogram's buckets, in nanoseconds, lowest first.
///
/// A value belongs to the first bucket whose bound is not below it, as `le` says; what is above
/// every bound belongs to the bucket after the last, `+Inf`.
public struct HistogramBounds: ~Copyable, Sendable {
    /// The most bounds a histogram can have, `+Inf` not counted.
    public static var countMax: Int { 31 }

    /// How many bounds there are, `+Inf` not counted.
    public let count: Int

    // Unused places hold the greatest number, above which no value is. The places are atomics only
    // because those are read where they lie: an InlineArray of plain integers is copied whole to
    // the stack by each subscript, at ten times the cost of the search.
    @usableFromInline let upper: [31 of Atomic<UInt64>]

    /// The bounds of `nanoseconds`, sorted and without repetition; those past ``countMax`` are
    /// left out.
    public init(nanoseconds: [UInt64]) {
        let sorted = Set(nanoseconds).sorted().prefix(HistogramBounds.countMax)
        count = sorted.count
        upper = InlineArray { place in
            Atomic(place < sorted.count ? sorted[place] : .max)
        }
    }

    /// The bucket that `nanoseconds` belongs to, from 0 to ``count``.
    ///
    /// A search in five comparisons, whatever the value and however many the bounds.
    @inlinable
    public func bucket(of nanoseconds: UInt64) -> Int {
        var bucket = 0
        bucket &+= step(16, from: bucket, to: nanoseconds)
        bucket &+= step(8, from: bucket, to: nanoseconds)
        bucket &+= step(4, from: bucket, to: nanoseconds)
        bucket &+= step(2, from: bucket, to: nanoseconds)
        bucket &+= step(1, from: bucket, to: nanoseconds)
        return bucket
    }

    /// The bounds as they were given, for those who read histograms.
    public var nanoseconds: [UInt64] {
        (0..<count).map { upper[$0].load(ordering: .relaxed) }
    }

    @inlinable @inline(__always)
    func step(_ width: Int, from bucket: Int, to nanoseconds: UInt64) -> Int {
        upper[bucket &+ width &- 1].load(ordering: .relaxed) < nanoseconds ? width : 0
    }
}

extension HistogramBounds {
    /// The bounds that the OpenTelemetry HTTP conventions give for durations: 5 ms to 10 s.
    public static func standard() -> HistogramBounds {
        let milliseconds: [UInt64] = [
            5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10_000,
        ]
        return HistogramBounds(nanoseconds: milliseconds.map { $0 * 1_000_000 })
    }
}
