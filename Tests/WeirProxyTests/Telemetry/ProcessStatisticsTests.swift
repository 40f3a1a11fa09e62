// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import WeirProxy

@Suite("Process statistics") struct ProcessStatisticsTests {
    private let stat =
        "42 (we) ir) S 1 42 42 0 -1 4194560 900 0 0 0 250 50 0 0 20 0 3 0 1000 138141696 2674 "
        + "18446744073709551615 1 1 0 0 0 0 16386 4096 0"
    private let limits = """
        Limit                     Soft Limit           Hard Limit           Units
        Max open files            20000                20000                files
        """

    @Test("are read from the kernel's texts, whatever the program is called") func reads() throws {
        let statistics = try #require(
            ProcessStatistics(
                stat: stat,
                machineStat: "cpu 1 2\nbtime 1700000000\n",
                limits: limits,
                openDescriptors: 12,
                pageSize: 4_096,
                ticksPerSecond: 100
            )
        )
        #expect(
            statistics
                == ProcessStatistics(
                    cpuSeconds: 3,
                    residentBytes: 2_674 * 4_096,
                    virtualBytes: 138_141_696,
                    openDescriptors: 12,
                    descriptorLimit: 20_000,
                    startTimeSeconds: 1_700_000_010,
                    threads: 3
                )
        )
    }

    @Test("are absent rather than wrong", arguments: ["", "42 (weir) S 1", "nonsense"])
    func refuses(stat: String) {
        #expect(
            ProcessStatistics(
                stat: stat,
                machineStat: "btime 1\n",
                limits: limits,
                openDescriptors: 1,
                pageSize: 4_096,
                ticksPerSecond: 100
            ) == nil
        )
    }

    @Test("of this process are plausible") func readsItself() throws {
        let statistics = try #require(ProcessStatistics.read())
        #expect(statistics.residentBytes > 1 << 20)
        #expect(statistics.startTimeSeconds > 1_700_000_000)
        #expect(statistics.openDescriptors > 2)
    }
}
