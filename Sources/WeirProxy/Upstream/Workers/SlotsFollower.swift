// SPDX-License-Identifier: Apache-2.0

/// Decides how many slots there are where their number follows gunicorn's workers (pure).
///
/// More are believed at once, fewer when two looks in a row have seen fewer: a worker that has
/// crashed is replaced within a second, and a gunicorn that stops or starts is for a moment a master
/// without workers, which looks like a server of one process.
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
    /// What the last look came to, if that was fewer than there are slots.
    private var fewer: Int?
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
            fewer = nil
            guard slots == nil, upstream == .running, !hasWarned else { return .none }
            hasWarned = true
            return .warn
        }
        let count = workers * workerThreads
        guard let slots, count <= slots else { return resize(to: count) }
        guard count < slots else {
            fewer = nil
            return .none
        }
        guard let before = fewer else {
            fewer = count
            return .none
        }
        return resize(to: max(before, count))
    }

    private mutating func resize(to count: Int) -> Step {
        slots = count
        fewer = nil
        return .resize(slots: count)
    }
}
