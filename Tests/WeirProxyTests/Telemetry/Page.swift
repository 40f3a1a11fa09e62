// SPDX-License-Identifier: Apache-2.0

import WeirHTTP

@testable import WeirProxy

/// A page of metrics, taken apart into its lines.
struct Page {
    /// The value of each series, by its name with labels.
    let values: [String: String]
    /// The type of each family.
    let types: [String: String]
    /// The families in the order of the page.
    let families: [String]

    /// The page that `loops` give at the time `now`.
    init(
        of loops: [LoopMetrics],
        prefix: String = "flask",
        version: String = "1.2.3",
        upstream: UpstreamHealth = .up,
        sight: UpstreamSight = UpstreamSight(),
        gate: SlotGate.Occupancy? = nil,
        process: ProcessStatistics? = nil,
        now: UInt64 = 0
    ) {
        let bytes = ProxyMetrics(prefix: prefix, version: version)
            .exposition(
                of: loops,
                upstream: upstream,
                sight: sight,
                gate: gate,
                process: process,
                now: now
            )
        var values: [String: String] = [:]
        var types: [String: String] = [:]
        var families: [String] = []
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
            let words = line.split(separator: " ").map(String.init)
            if line.hasPrefix("# TYPE ") {
                types[words[2]] = words[3]
                families.append(words[2])
            } else if !line.hasPrefix("#") {
                values[words.dropLast().joined(separator: " ")] = words[words.count - 1]
            }
        }
        self.values = values
        self.types = types
        self.families = families
    }

    /// The series of `name`, without the name and the braces, sorted.
    func labels(of name: String) -> [String] {
        values.keys
            .filter { $0.hasPrefix(name + "{") }
            .map { String($0.dropFirst(name.count + 1).dropLast()) }
            .sorted()
    }
}

extension FinishedExchange {
    /// A GET answered with 200 after 30 ms, 20 ms of them in the application, but for what is said.
    static func sample(
        method: Method = .get,
        status: UInt16 = 200,
        totalNanoseconds: UInt64 = 30_000_000,
        applicationTime: ApplicationTime = .measured(nanoseconds: 20_000_000),
        now: UInt64 = 0
    ) -> FinishedExchange {
        FinishedExchange(
            method: method,
            status: status,
            totalNanoseconds: totalNanoseconds,
            applicationTime: applicationTime,
            now: now
        )
    }
}
