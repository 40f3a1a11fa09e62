// SPDX-License-Identifier: Apache-2.0

internal import Synchronization
internal import WeirIO

/// How other threads see a loop, and tell it to end.
///
/// Each field has one writer; nobody waits for anybody.
final class LoopStatus: Sendable {
    /// What the control thread asks of a loop.
    enum Order: UInt8, AtomicRepresentable {
        case serve
        /// Take nothing new, finish what is in flight.
        case drain
        /// Cut what is in flight.
        case cut
    }

    /// What the loop knows of upstream, in monotonic nanoseconds; 0 is never.
    struct UpstreamEvidence: Equatable {
        var answeredAt: UInt64
        var failedAt: UInt64
    }

    let wakeup: Wakeup
    private let controlWakeup: Wakeup
    private let currentOrder = Atomic<Order>(.serve)
    private let busySince = Atomic<UInt64>(0)
    private let hasEndedFlag = Atomic<Bool>(false)
    private let hasFailedFlag = Atomic<Bool>(false)
    private let cuts = Atomic<Int>(0)
    private let upstreamAnsweredAt = Atomic<UInt64>(0)
    private let upstreamFailedAt = Atomic<UInt64>(0)

    /// - Parameters:
    ///   - wakeup: ends the loop's wait.
    ///   - controlWakeup: ends the control thread's wait when the loop has ended.
    init(wakeup: Wakeup, controlWakeup: Wakeup) {
        self.wakeup = wakeup
        self.controlWakeup = controlWakeup
    }

    // What the loop writes.

    func turnStarted(at now: UInt64) { busySince.store(now, ordering: .relaxed) }
    func turnEnded() { busySince.store(0, ordering: .relaxed) }
    func upstreamAnswered(at now: UInt64) { upstreamAnsweredAt.store(now, ordering: .relaxed) }
    func upstreamFailed(at now: UInt64) { upstreamFailedAt.store(now, ordering: .relaxed) }
    func wasCut() { cuts.store(cuts.load(ordering: .relaxed) + 1, ordering: .relaxed) }

    /// The loop could not start.
    func failed() {
        hasFailedFlag.store(true, ordering: .releasing)
        ended()
    }

    func ended() {
        busySince.store(0, ordering: .relaxed)
        hasEndedFlag.store(true, ordering: .releasing)
        controlWakeup.signal()
    }

    // What the control thread writes.

    /// Gives the loop an order; it obeys in its next turn.
    func give(_ order: Order) {
        currentOrder.store(order, ordering: .releasing)
        wakeup.signal()
    }

    // What anybody reads.

    var order: Order { currentOrder.load(ordering: .acquiring) }
    var hasEnded: Bool { hasEndedFlag.load(ordering: .acquiring) }
    var hasFailed: Bool { hasFailedFlag.load(ordering: .acquiring) }
    /// Exchanges that were cut because the drain took too long.
    var cutCount: Int { cuts.load(ordering: .relaxed) }
    var upstreamEvidence: UpstreamEvidence {
        UpstreamEvidence(
            answeredAt: upstreamAnsweredAt.load(ordering: .relaxed),
            failedAt: upstreamFailedAt.load(ordering: .relaxed)
        )
    }

    /// How long the loop has been in one turn, in nanoseconds; 0 while it waits for events.
    func busyNanoseconds(at now: UInt64) -> UInt64 {
        let start = busySince.load(ordering: .relaxed)
        return start == 0 || start >= now ? 0 : now - start
    }
}
