// SPDX-License-Identifier: Apache-2.0

internal import WeirIO

/// Finds out whether upstream accepts connections, by opening one and closing it again.
///
/// What traffic tells is believed first: a probe is made only when somebody asks and no request was
/// answered lately, so that gunicorn is not bothered for nothing.
struct UpstreamProbe: ~Copyable {
    /// How a probe stands.
    enum State: Equatable {
        case idle
        /// Waits for the kernel; the number tells its events from those of an earlier probe.
        case connecting
    }

    private let addresses: [SocketAddress]
    private var next = 0
    private var socket: StreamSocket?
    private(set) var state = State.idle
    /// Counts attempts; the token of the one under way carries it.
    private(set) var attempt: UInt32 = 0

    init(addresses: [SocketAddress]) { self.addresses = addresses }

    /// Begins a probe.
    ///
    /// - Parameter watch: registers a socket under the number of an attempt.
    /// - Returns: the result if it is known at once.
    mutating func start(_ watch: (Int32, UInt32) -> Bool) -> UpstreamHealth? {
        next = 0
        return tryNextAddress(watch)
    }

    /// Reads the result of the attempt under way.
    mutating func ready(_ readiness: Readiness, _ watch: (Int32, UInt32) -> Bool) -> UpstreamHealth?
    {
        guard state == .connecting else { return nil }
        if readiness.isDisjoint(with: [.error, .hangup]) { return end(.up) }
        return tryNextAddress(watch)
    }

    /// Gives the probe up: nobody has answered.
    mutating func expire() -> UpstreamHealth? { state == .connecting ? end(.down) : nil }

    private mutating func tryNextAddress(_ watch: (Int32, UInt32) -> Bool) -> UpstreamHealth? {
        while next < addresses.count {
            let address = addresses[next]
            next += 1
            guard let candidate = try? StreamSocket(for: address) else { continue }
            switch candidate.connect(to: address) {
            case .started:
                attempt &+= 1
                guard watch(candidate.number, attempt) else { continue }
                socket = consume candidate
                state = .connecting
                return nil
            // Somebody listens, and has more than enough to do.
            case .backlogFull: return end(.up)
            case .failed: continue
            }
        }
        return end(.down)
    }

    private mutating func end(_ health: UpstreamHealth) -> UpstreamHealth {
        socket = nil
        state = .idle
        return health
    }
}
