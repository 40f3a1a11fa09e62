// SPDX-License-Identifier: Apache-2.0

internal import WeirIO

extension ControlLoop {
    /// How often gunicorn is looked at where the slots follow its workers.
    static let watchInterval: UInt64 = 1_000_000_000

    /// Looks at gunicorn, and has as many slots as it has workers for.
    func followWorkers() {
        // What is known before the look: who answered by then can be seen in it.
        let hasAnswered = upstreamHasAnswered
        let sight = watch.look()
        let isRunning = hasAnswered || !sight.listeners.isEmpty
        let upstream: SlotsFollower.Upstream = isRunning ? .running : .unknown
        switch follower?.looked(workers: sight.workerCount, upstream: upstream) {
        case nil, .some(.none): break
        case .resize(let count):
            gate?.resize(to: .bounded(count))
            log.write(
                .info,
                "slots follow the workers",
                ["workers": "\(sight.workerCount)", "slots": "\(count)"]
            )
        case .warn:
            log.write(
                .warning,
                "slots are unlimited: no worker of gunicorn can be seen; run weir as the same user "
                    + "in the same process namespace, or give a number",
                ["upstream": settings.upstream.description]
            )
        }
    }

    private var upstreamHasAnswered: Bool {
        lastHealth == .up || workers.contains { $0.status.upstreamEvidence.answeredAt > 0 }
    }
}
