// SPDX-License-Identifier: Apache-2.0

internal import WeirHTTP
internal import WeirIO

extension ProxyLoop {
    /// Whether a request may go on.
    enum Admission: BitwiseCopyable {
        case admitted
        /// It waits for a slot.
        case queued
        /// It has failed: too many wait.
        case refused
    }

    /// Asks for a slot for a request that is ready to go.
    func admit(_ exchange: SlabIndex<Exchange>) -> Admission {
        guard let gate else {
            takeSlot(exchange)
            return .admitted
        }
        switch gate.enter(exchange, of: number) {
        case .granted:
            metrics.dequeued(nanoseconds: 0)
            takeSlot(exchange)
            return .admitted
        case .full:
            fail(exchange, because: .queueFull)
            return .refused
        case .queued(let ticket):
            exchanges[exchange].slot = .awaited(ticket)
            exchanges[exchange].stage = .queued
            return .queued
        }
    }

    /// Sends on the requests of this loop that have been granted a slot; to be asked last in a turn,
    /// for what the turn did may have granted more.
    func resumeGranted() {
        guard let gate else { return }
        while let exchange = gate.takeGranted(by: number) {
            metrics.dequeued(nanoseconds: now &- exchanges[exchange].readyAt)
            takeSlot(exchange)
            exchanges[exchange].stage = .awaitingHead
            sendKept(exchange)
        }
    }

    private func takeSlot(_ exchange: SlabIndex<Exchange>) {
        exchanges[exchange].slot = .held
        exchanges[exchange].grantedAt = now
        metrics.slotTaken()
    }

    /// Gives back the slot of an exchange that is not in gunicorn any more, or its place in the
    /// queue.
    func leaveSlot(_ exchange: SlabIndex<Exchange>) {
        switch exchanges[exchange].slot {
        case .none: return
        case .awaited(let ticket): gate?.withdraw(ticket, of: number)
        case .held:
            gate?.leave(from: number)
            metrics.slotLeft(nanoseconds: now &- exchanges[exchange].grantedAt)
        }
        exchanges[exchange].slot = .none
    }
}
