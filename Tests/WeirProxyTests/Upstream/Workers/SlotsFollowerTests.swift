// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import WeirProxy

@Suite("Slots that follow the workers") struct SlotsFollowerTests {
    /// What each of several looks leads to; `nil` is nothing.
    private func slots(after looks: [Int], workerThreads: Int = 1) -> [Int?] {
        var follower = SlotsFollower(workerThreads: workerThreads)
        return looks.map { workers in
            switch follower.looked(workers: workers, upstream: .running) {
            case .resize(let slots): slots
            case .none, .warn: nil
            }
        }
    }

    @Test("are workers times threads, told when they change") func multiplies() {
        #expect(slots(after: [3, 3, 4], workerThreads: 4) == [12, nil, 16])
    }

    @Test(
        "become more at once, and fewer when two looks agree",
        arguments: [
            ([3, 2, 2, 2], [3, nil, 2, nil]), ([3, 1, 3, 1, 3], [3, nil, nil, nil, nil]),
            ([5, 2, 4, 4, 4], [5, nil, 4, nil, nil]), ([5, 4, 2, 2, 2], [5, nil, 4, nil, 2]),
            ([3, 1, 0, 1, 3], [3, nil, nil, nil, nil]), ([1, 4, 1, 6], [1, 4, nil, 6]),
        ] as [([Int], [Int?])]
    )
    func shrinksSlowly(looks: [Int], steps: [Int?]) {
        #expect(slots(after: looks) == steps)
    }

    @Test("stay while gunicorn is away, without a word") func stay() {
        var follower = SlotsFollower(workerThreads: 1)
        #expect(follower.looked(workers: 2, upstream: .running) == .resize(slots: 2))
        #expect(follower.looked(workers: 0, upstream: .unknown) == .none)
        #expect(follower.looked(workers: 0, upstream: .running) == .none)
        #expect(follower.looked(workers: 2, upstream: .running) == .none)
        #expect(follower.looked(workers: 5, upstream: .running) == .resize(slots: 5))
    }

    @Test("are a matter of a warning once gunicorn runs and shows no worker, and only one")
    func warns() {
        var follower = SlotsFollower(workerThreads: 1)
        #expect(follower.looked(workers: 0, upstream: .unknown) == .none)
        #expect(follower.looked(workers: 0, upstream: .running) == .warn)
        #expect(follower.looked(workers: 0, upstream: .running) == .none)
        #expect(follower.looked(workers: 2, upstream: .running) == .resize(slots: 2))
        #expect(follower.looked(workers: 0, upstream: .running) == .none)
    }
}
