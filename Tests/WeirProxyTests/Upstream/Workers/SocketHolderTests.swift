// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import WeirProxy

@Suite("Holders of a listening socket") struct SocketHolderTests {
    /// Who is the child of whom, and executes which program.
    struct Family: Sendable, CustomTestStringConvertible {
        let testDescription: String
        /// Id, parent, program.
        let holders: [(Int32, Int32, UInt64)]
        let workers: [Int32]

        init(_ description: String, _ holders: [(Int32, Int32, UInt64)], workers: [Int32]) {
            testDescription = description
            self.holders = holders
            self.workers = workers
        }
    }

    static let families = [
        Family("nobody", [], workers: []),
        Family("a server of one process", [(10, 1, 7)], workers: [10]),
        Family("a master and one worker", [(10, 1, 7), (11, 10, 7)], workers: [11]),
        Family(
            "a master and its workers, in any order",
            [(12, 10, 7), (10, 1, 7), (11, 10, 7), (13, 10, 7)],
            workers: [12, 11, 13]
        ),
        Family(
            "workers whose master has died",
            [(11, 1, 7), (12, 1, 7)],
            workers: [11, 12]
        ),
        Family(
            "workers with a socket of their own each, --reuse-port",
            [(11, 10, 7), (12, 10, 7)],
            workers: [11, 12]
        ),
        Family(
            "workers that have forked",
            [(10, 1, 7), (11, 10, 7), (12, 10, 7), (20, 11, 7), (21, 11, 7), (22, 20, 7)],
            workers: [11, 12]
        ),
        Family(
            "systemd, which has opened the socket",
            [(1, 0, 3), (10, 1, 7), (11, 10, 7), (12, 10, 7)],
            workers: [11, 12]
        ),
        Family(
            "two masters at an upgrade, USR2",
            [(10, 1, 7), (11, 10, 7), (12, 10, 7), (20, 10, 8), (21, 20, 8), (22, 20, 8)],
            workers: [11, 12, 21, 22]
        ),
        Family(
            "a new master whose predecessor has no worker left, USR2 and WINCH",
            [(10, 1, 7), (20, 10, 8), (21, 20, 8)],
            workers: [21]
        ),
    ]

    @Test("tell how many workers there are", arguments: SocketHolderTests.families)
    func tellsWorkers(family: Family) {
        let holders = family.holders.map { process, parent, program in
            SocketHolder(
                identity: SocketHolder.Identity(process: process, startTicks: 1),
                parent: parent,
                program: program
            )
        }
        #expect(holders.workers.map(\.process) == family.workers)
    }

    @Test("are what the kernel's line says") func readsLine() throws {
        let stat =
            "42 (gunicorn: (x)) S 41 42 42 0 -1 4194560 900 0 0 0 250 50 9 9 20 0 3 0 1000 "
            + "138141696 2674 18446744073709551615 1 1 140720000 0 0 0 16386 4096 0"
        let kernel = try #require(KernelProcess(stat: stat))
        let holder = SocketHolder(42, kernel, pageSize: 4_096, ticksPerSecond: 100)
        #expect(
            holder
                == SocketHolder(
                    identity: SocketHolder.Identity(process: 42, startTicks: 1_000),
                    parent: 41,
                    program: 140_720_000,
                    cpuSeconds: 3,
                    residentBytes: 2_674 * 4_096
                )
        )
    }
}
