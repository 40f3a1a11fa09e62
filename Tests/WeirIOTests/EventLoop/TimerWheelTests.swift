// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import WeirIO

@Suite("Timer wheel") struct TimerWheelTests {
    private static let start: UInt64 = 7_000_000_000
    private static let tick: UInt64 = 1 << 24

    private func expired(_ wheel: borrowing TimerWheel, at now: UInt64) -> [Int] {
        var timers: [Int] = []
        while let timer = wheel.nextExpired(at: now) { timers.append(timer) }
        return timers
    }

    @Test(
        "fires no earlier than asked, and at most one tick later",
        arguments: [
            1, 1_000_000, tick, tick + 1, 100 * tick, 1_022 * tick, 1_023 * tick, 1_024 * tick,
            5_000 * tick, 600_000_000_000,
        ] as [UInt64]
    )
    func firesInTime(after delay: UInt64) {
        let wheel = TimerWheel(capacity: 4, now: Self.start)
        wheel.arm(2, at: Self.start + delay)
        // One step a second, as a loop that wakes for other reasons would make them.
        var now = Self.start
        while now + 1_000_000_000 < Self.start + delay {
            now += 1_000_000_000
            #expect(expired(wheel, at: now) == [])
        }
        #expect(expired(wheel, at: Self.start + delay - 1) == [])
        #expect(expired(wheel, at: Self.start + delay + Self.tick) == [2])
        #expect(expired(wheel, at: Self.start + delay + 9_000 * Self.tick) == [])
    }

    @Test(
        "fires once after a sleep of any length",
        arguments: [1, 1_023, 1_024, 70_000] as [UInt64]
    )
    func firesAfterSleep(of ticks: UInt64) {
        let wheel = TimerWheel(capacity: 3, now: Self.start)
        wheel.arm(0, at: Self.start + Self.tick / 2)
        wheel.arm(1, at: Self.start + ticks * Self.tick)
        #expect(Set(expired(wheel, at: Self.start + (ticks + 1) * Self.tick)) == [0, 1])
        #expect(wheel.sleepMilliseconds(at: Self.start) == -1)
    }

    @Test("does not fire what was cancelled") func cancels() {
        let wheel = TimerWheel(capacity: 2, now: Self.start)
        wheel.arm(0, at: Self.start + 3 * Self.tick)
        wheel.arm(1, at: Self.start + 3 * Self.tick)
        wheel.cancel(0)
        #expect(expired(wheel, at: Self.start + 10 * Self.tick) == [1])
    }

    @Test("obeys the deadline set last, whether it is later or sooner") func moves() {
        let wheel = TimerWheel(capacity: 2, now: Self.start)
        wheel.arm(0, at: Self.start + 5 * Self.tick)
        wheel.arm(0, at: Self.start + 50 * Self.tick)
        wheel.arm(1, at: Self.start + 50 * Self.tick)
        wheel.arm(1, at: Self.start + 5 * Self.tick)
        #expect(expired(wheel, at: Self.start + 10 * Self.tick) == [1])
        #expect(expired(wheel, at: Self.start + 60 * Self.tick) == [0])
    }

    @Test("tells how long a loop may sleep, never too long") func sleeps() {
        let wheel = TimerWheel(capacity: 2, now: Self.start)
        #expect(wheel.sleepMilliseconds(at: Self.start) == -1)
        wheel.arm(0, at: Self.start + 1_000_000_000)
        var now = Self.start
        var wakes = 0
        while expired(wheel, at: now) == [] {
            let sleep = wheel.sleepMilliseconds(at: now)
            #expect(sleep > 0 && sleep <= 1_034)
            now += UInt64(max(sleep, 1)) * 1_000_000
            wakes += 1
        }
        #expect(wakes <= 2)
        #expect(now >= Self.start + 1_000_000_000)
    }

    @Test("agrees with a sorted list over many random timers") func agreesWithList() {
        let wheel = TimerWheel(capacity: 200, now: Self.start)
        var deadlines: [Int: UInt64] = [:]
        var state: UInt64 = 42
        func random(_ bound: UInt64) -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return (state >> 33) % bound
        }
        var now = Self.start
        for _ in 0..<5_000 {
            let timer = Int(random(200))
            switch random(4) {
            case 0:
                wheel.cancel(timer)
                deadlines[timer] = nil
            case 1, 2:
                let deadline = now + random(40_000_000_000)
                wheel.arm(timer, at: deadline)
                deadlines[timer] = deadline
            default: now += random(3_000_000_000)
            }
            for timer in expired(wheel, at: now) {
                #expect(deadlines.removeValue(forKey: timer).map { $0 <= now } == true)
            }
            #expect(deadlines.values.allSatisfy { $0 + Self.tick > now })
        }
    }
}
