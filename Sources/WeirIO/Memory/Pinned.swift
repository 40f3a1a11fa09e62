// SPDX-License-Identifier: Apache-2.0

/// A value at a fixed place in memory, changed through a constant reference.
///
/// A stored property of a class that is passed `inout` to another module costs a run-time
/// exclusivity check per access (`swift_beginAccess`, 58 instructions in the prototype); a pinned
/// value costs none. In return its owner must not start a second access while one lasts; event
/// loops are single-threaded and do not re-enter.
@safe public struct Pinned<Value: ~Copyable>: ~Copyable {
    @usableFromInline let place: UnsafeMutablePointer<Value>

    /// Moves a value to its place.
    public init(_ value: consuming Value) {
        unsafe place = .allocate(capacity: 1)
        unsafe place.initialize(to: value)
    }

    deinit {
        unsafe place.deinitialize(count: 1)
        unsafe place.deallocate()
    }

    /// The value, in place.
    @inlinable
    public var value: Value {
        unsafeAddress { unsafe UnsafePointer(place) }
        nonmutating unsafeMutableAddress { unsafe place }
    }
}
