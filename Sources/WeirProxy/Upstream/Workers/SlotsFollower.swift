// SPDX-License-Identifier: Apache-2.0

/// Decides how many slots there are where their number follows gunicorn's workers (pure).
struct SlotsFollower: Equatable {
    /// What a look at gunicorn leads to.
    enum Step: Equatable {
        case none
        case resize(slots: Int)
        /// The operator should know that there is no bound, and why.
        case warn
    }

    /// What is known of gunicorn besides its workers.
    enum Upstream: Equatable {
        /// It may just not be up yet.
        case unknown
        /// It listens, or has answered.
        case running
    }

    private let workerThreads: Int
    private var slots: Int?
    private var hasWarned = false

    /// - Parameter workerThreads: requests that a worker works on at a time.
    init(workerThreads: Int) { self.workerThreads = workerThreads }

    /// Takes what was seen.
    ///
    /// - Parameters:
    ///   - workers: how many there were; 0 when none can be seen.
    ///   - upstream: whether there ought to be some.
    /// - Returns: what to do about it.
    mutating func looked(workers: Int, upstream: Upstream) -> Step {
        guard workers > 0 else {
            // While gunicorn restarts the last number stays.
            guard slots == nil, upstream == .running, !hasWarned else { return .none }
            hasWarned = true
            return .warn
        }
        let count = workers * workerThreads
        guard count != slots else { return .none }
        slots = count
        return .resize(slots: count)
    }
}
