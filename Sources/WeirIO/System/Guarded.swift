// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// A value that one thread at a time may touch.
///
/// Its lock is the C library's, because ThreadSanitizer knows that one: where the lock of
/// `Synchronization` is contended, the kernel hands it over out of the sanitizer's sight, and each
/// of those moments looks like a race.
@safe public final class Guarded<Value: Sendable>: Sendable {
    nonisolated(unsafe) private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    nonisolated(unsafe) private let place: UnsafeMutablePointer<Value>

    /// Takes over the value.
    public init(_ value: Value) {
        unsafe mutex = .allocate(capacity: 1)
        unsafe pthread_mutex_init(mutex, nil)
        unsafe place = .allocate(capacity: 1)
        unsafe place.initialize(to: value)
    }

    deinit {
        unsafe place.deinitialize(count: 1)
        unsafe place.deallocate()
        unsafe pthread_mutex_destroy(mutex)
        unsafe mutex.deallocate()
    }

    /// Lends the value, once no other thread has it.
    ///
    /// - Parameter body: reads and changes it; must not ask for it again.
    /// - Returns: what `body` returns.
    public func withLock<Result>(_ body: (inout Value) -> Result) -> Result {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        return unsafe body(&place.pointee)
    }
}
