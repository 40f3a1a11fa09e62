// SPDX-License-Identifier: Apache-2.0

internal import CLinux

/// Lets any thread end another loop's wait (eventfd).
public final class Wakeup: Sendable {
    /// The descriptor to register as a source.
    public let descriptor: Descriptor

    /// Opens an event descriptor.
    ///
    /// - Throws: ``SystemError`` when the kernel refuses.
    public init() throws(SystemError) {
        descriptor = Descriptor(owning: try SystemError.check(weir_eventfd(), "eventfd"))
    }

    /// Ends the wait of the loop that registered this; several signals may be seen as one.
    public func signal() {
        var one: UInt64 = 1
        _ = unsafe weir_write(descriptor.rawValue, &one, 8)
    }

    /// Takes the signals, so that the next one is seen again.
    public func acknowledge() {
        var count: UInt64 = 0
        _ = unsafe weir_read(descriptor.rawValue, &count, 8)
    }
}
