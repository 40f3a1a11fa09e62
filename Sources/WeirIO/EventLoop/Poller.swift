// SPDX-License-Identifier: Apache-2.0

public import CLinux

/// What the kernel reports of a descriptor.
public struct Readiness: OptionSet, BitwiseCopyable, Sendable {
    /// The bits of `epoll_event.events`.
    public let rawValue: UInt32

    /// Takes the kernel's bits.
    @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// Bytes, a connection, or the end can be read.
    @inlinable public static var readable: Self { Self(rawValue: WEIR_EPOLL_READABLE) }
    /// The socket takes bytes again.
    @inlinable public static var writable: Self { Self(rawValue: WEIR_EPOLL_WRITABLE) }
    /// The peer will send no more; what it sent before can still be read.
    @inlinable public static var peerClosed: Self { Self(rawValue: WEIR_EPOLL_PEER_CLOSED) }
    /// Neither direction works any more.
    @inlinable public static var hangup: Self { Self(rawValue: WEIR_EPOLL_HANGUP) }
    /// The connection failed.
    @inlinable public static var error: Self { Self(rawValue: WEIR_EPOLL_ERROR) }
}

/// One report of the kernel.
public struct Event: BitwiseCopyable, Sendable {
    /// Which registration it is about.
    public let token: EventToken
    /// What happened.
    public let readiness: Readiness

    @inlinable init(token: EventToken, readiness: Readiness) {
        self.token = token
        self.readiness = readiness
    }
}

/// An epoll instance, edge-triggered.
///
/// Descriptors are armed once, for everything, and never again: a change is reported once, and the
/// loop remembers what it has not acted on. Closing a descriptor ends its registration.
@safe public struct Poller: ~Copyable {
    /// Events fetched with one call.
    @usableFromInline static var batchCount: Int { 256 }

    @usableFromInline let descriptor: Descriptor
    @usableFromInline let events: UnsafeMutablePointer<epoll_event>

    /// Opens an epoll instance.
    ///
    /// - Throws: ``SystemError`` when the kernel refuses.
    public init() throws(SystemError) {
        descriptor = Descriptor(owning: try SystemError.check(weir_epoll_create(), "epoll_create1"))
        unsafe events = .allocate(capacity: Poller.batchCount)
    }

    deinit { unsafe events.deallocate() }

    /// Which changes of a stream socket are reported.
    public enum Interest: BitwiseCopyable, Equatable, Sendable {
        /// None: it is not registered.
        case nothing
        /// What comes from the peer, its end included.
        case reading
        /// That, and that the socket takes bytes again. A unix socket reports this for each message
        /// that its peer reads, wanted or not.
        case everything

        @usableFromInline var events: UInt32 {
            let reading = WEIR_EPOLL_READABLE | WEIR_EPOLL_PEER_CLOSED | WEIR_EPOLL_EDGE
            return self == .everything ? reading | WEIR_EPOLL_WRITABLE : reading
        }
    }

    /// Registers a stream socket.
    ///
    /// - Parameters:
    ///   - number: the open descriptor.
    ///   - token: what its events carry.
    ///   - interest: which changes are reported.
    /// - Throws: ``SystemError``, such as ENOSPC when `max_user_watches` is reached.
    @inlinable
    public func addStream(
        _ number: Int32,
        token: EventToken,
        interest: Interest = .everything
    ) throws(SystemError) {
        let result = weir_epoll_add(
            descriptor.rawValue,
            number,
            interest.events,
            token.rawValue
        )
        guard result >= 0 else { throw SystemError("epoll_ctl", code: -result) }
    }

    /// Changes which changes of a registered stream socket are reported.
    ///
    /// - Parameters:
    ///   - number: the open descriptor.
    ///   - token: what its events carry.
    ///   - interest: which changes are reported from now on; one that is already so is, too.
    public func changeStream(_ number: Int32, token: EventToken, interest: Interest) {
        _ = weir_epoll_modify(descriptor.rawValue, number, interest.events, token.rawValue)
    }

    /// Registers a descriptor that is only read: a listener, a wake-up, a signal descriptor.
    ///
    /// - Parameters:
    ///   - number: the open descriptor.
    ///   - token: what its events carry.
    ///   - sharing: whether other pollers watch the same descriptor.
    /// - Throws: ``SystemError`` when the kernel refuses.
    public func addSource(
        _ number: Int32,
        token: EventToken,
        sharing: Sharing = .none
    ) throws(SystemError) {
        var events = WEIR_EPOLL_READABLE | WEIR_EPOLL_EDGE
        // Wakes one of the pollers instead of all.
        if sharing == .exclusive { events |= WEIR_EPOLL_EXCLUSIVE }
        let result = weir_epoll_add(descriptor.rawValue, number, events, token.rawValue)
        _ = try SystemError.check(result, "epoll_ctl")
    }

    /// Whether several pollers watch one descriptor.
    public enum Sharing: Sendable {
        /// This poller alone.
        case none
        /// Several, of which one is to be woken.
        case exclusive
    }

    /// Waits for events.
    ///
    /// - Parameter milliseconds: how long at most; −1 is for ever.
    /// - Returns: how many events came; 0 after a time-out or an interruption.
    @inlinable
    public func wait(milliseconds: Int32) -> Int {
        let count = unsafe weir_epoll_wait(
            descriptor.rawValue,
            events,
            Int32(Poller.batchCount),
            milliseconds
        )
        return max(0, Int(count))
    }

    /// An event of the last ``wait(milliseconds:)``.
    @inlinable
    public func event(_ position: Int) -> Event {
        precondition(position >= 0 && position < Poller.batchCount)
        let event = unsafe events[position]
        return unsafe Event(
            token: EventToken(rawValue: event.data.u64),
            readiness: Readiness(rawValue: event.events)
        )
    }
}
