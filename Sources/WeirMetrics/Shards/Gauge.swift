// SPDX-License-Identifier: Apache-2.0

public import Synchronization

/// A number that rises and falls: one thread writes it, any thread reads it.
///
/// Like a ``Counter``, it must not have a second writer. One thread's cell may go below zero when
/// another thread's takes the difference; only the sum over the threads means anything then.
public struct Gauge: ~Copyable, Sendable {
    @usableFromInline let cell: Atomic<Int64>

    /// A gauge at zero.
    @inlinable
    public init() {
        cell = Atomic(0)
    }

    /// Where the gauge stands.
    @inlinable
    public var value: Int64 {
        cell.load(ordering: .relaxed)
    }

    /// Sets the gauge; for the writing thread only.
    @inlinable
    public func set(_ value: Int64) {
        cell.store(value, ordering: .relaxed)
    }

    /// Raises the gauge by one; for the writing thread only.
    @inlinable
    public func increment() {
        cell.store(cell.load(ordering: .relaxed) &+ 1, ordering: .relaxed)
    }

    /// Lowers the gauge by one; for the writing thread only.
    @inlinable
    public func decrement() {
        cell.store(cell.load(ordering: .relaxed) &- 1, ordering: .relaxed)
    }
}
