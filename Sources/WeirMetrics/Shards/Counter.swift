// SPDX-License-Identifier: Apache-2.0

public import Synchronization

/// A number that only grows: one thread writes it, any thread reads it.
///
/// Several threads count the same thing in a cell each, and whoever scrapes adds the cells up.
/// Writing is a load and a store without a lock prefix, so a second writer would lose counts.
public struct Counter: ~Copyable, Sendable {
    @usableFromInline let cell: Atomic<UInt64>

    /// A counter at zero.
    @inlinable
    public init() {
        cell = Atomic(0)
    }

    /// What was counted so far; wraps around after 2⁶⁴.
    @inlinable
    public var value: UInt64 {
        cell.load(ordering: .relaxed)
    }

    /// Counts one more; for the writing thread only.
    @inlinable
    public func increment() {
        add(1)
    }

    /// Counts `amount` more; for the writing thread only.
    @inlinable
    public func add(_ amount: UInt64) {
        cell.store(cell.load(ordering: .relaxed) &+ amount, ordering: .relaxed)
    }

    /// Starts again at zero; for the writing thread only.
    @inlinable
    func reset() {
        cell.store(0, ordering: .relaxed)
    }
}
