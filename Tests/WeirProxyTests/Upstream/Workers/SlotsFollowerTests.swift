// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import WeirProxy

@Suite("Slots that follow the workers") struct SlotsFollowerTests {
    @Test("are workers times threads, told when they change") func multiplies() {
        var follower = SlotsFollower(workerThreads: 4)
        #expect(follower.looked(workers: 3, upstream: .running) == .resize(slots: 12))
        #expect(follower.looked(workers: 3, upstream: .running) == .none)
        #expect(follower.looked(workers: 1, upstream: .running) == .resize(slots: 4))
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
