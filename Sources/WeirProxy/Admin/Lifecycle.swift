// SPDX-License-Identifier: Apache-2.0

/// From serving to stopped, as signals and time move it (pure: no clock, no signals).
struct Lifecycle: Equatable {
    /// Where the process stands.
    enum Stage: Equatable {
        case serving
        /// Not ready any more, still accepting.
        case lameDuck(until: UInt64)
        /// Finishing what is in flight.
        case draining(until: UInt64)
        /// Cutting what is in flight.
        case cutting
    }

    /// What the loops are told at a change.
    enum Step: Equatable {
        case none, drain, cut
    }

    private(set) var stage = Stage.serving
    private let shutdownDelay: UInt64
    private let drainTimeout: UInt64

    /// - Parameters:
    ///   - shutdownDelay: nanoseconds of the lame duck.
    ///   - drainTimeout: nanoseconds of the drain.
    init(shutdownDelay: UInt64, drainTimeout: UInt64) {
        self.shutdownDelay = shutdownDelay
        self.drainTimeout = drainTimeout
    }

    /// TERM or INT came: the first one begins, a second one cuts.
    mutating func stop(at now: UInt64) -> Step {
        switch stage {
        case .serving where shutdownDelay > 0:
            stage = .lameDuck(until: now &+ shutdownDelay)
            return .none
        case .serving:
            stage = .draining(until: now &+ drainTimeout)
            return .drain
        case .lameDuck, .draining:
            stage = .cutting
            return .cut
        case .cutting: return .none
        }
    }

    /// Time has passed.
    mutating func advance(to now: UInt64) -> Step {
        switch stage {
        case .lameDuck(let end) where now >= end:
            stage = .draining(until: now &+ drainTimeout)
            return .drain
        case .draining(let end) where now >= end:
            stage = .cutting
            return .cut
        case .serving, .lameDuck, .draining, .cutting: return .none
        }
    }

    /// When ``advance(to:)`` has something to do; `nil` is never.
    var deadline: UInt64? {
        switch stage {
        case .lameDuck(let end), .draining(let end): end
        case .serving, .cutting: nil
        }
    }
}
