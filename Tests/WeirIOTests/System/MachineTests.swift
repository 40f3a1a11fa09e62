// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import WeirIO

@Suite("Machine") struct MachineTests {
    @Test(
        "reads a processor quota, rounded up",
        arguments: [
            ("max 100000\n", nil), ("100000 100000\n", 1), ("150000 100000\n", 2),
            ("50000 100000\n", 1), ("400000 100000\n", 4), ("", nil), ("x y", nil),
            ("0 100000", nil),
        ] as [(String, Int?)]
    )
    func readsQuota(text: String, processors: Int?) {
        #expect(Machine.processorQuota(cpuMax: text) == processors)
    }

    @Test("has a processor and descriptors for this process") func isUsable() {
        #expect(Machine.processorsAllowed >= 1)
        #expect(Machine.raiseDescriptorLimit() >= 64)
    }

    @Test("counts and reads what the kernel shows") func readsKernelFiles() throws {
        #expect(try #require(SystemFile.read("/proc/self/stat")).contains(")"))
        #expect(try #require(SystemFile.entryCount(in: "/proc/self/fd")) > 3)
        #expect(SystemFile.read("/proc/no-such-file") == nil)
    }

    @Test(
        "writes a time as RFC 3339 does",
        arguments: [
            (0, "1970-01-01T00:00:00Z"), (951_782_399_999_999_999, "2000-02-28T23:59:59Z"),
            (1_795_388_436_000_000_000, "2026-11-22T23:00:36Z"),
        ] as [(UInt64, String)]
    )
    func writesTime(wall: UInt64, text: String) {
        #expect(Clock.timestamp(wall) == text)
    }

    @Test(
        "turns a duration into nanoseconds",
        arguments: [
            (.zero, 0), (.milliseconds(300), 300_000_000), (.seconds(75), 75_000_000_000),
            (.seconds(-1), 0), (.seconds(Int64.max), .max),
        ] as [(Duration, UInt64)]
    )
    func countsNanoseconds(duration: Duration, nanoseconds: UInt64) {
        #expect(duration.nanoseconds == nanoseconds)
    }
}
