// SPDX-License-Identifier: Apache-2.0

/// Gives each worker a place that it keeps while it lives, so that workers which come and go make no
/// new series.
struct WorkerPlaces {
    /// Places; further workers share one label.
    static let countMax = 64

    /// A place, or what has none, and the workers there.
    struct Occupied: Equatable, Sendable {
        /// `1`, `2` and so on, or `_other`.
        let label: String
        /// Processor time used, user and system.
        let cpuSeconds: Double
        /// Memory in RAM.
        let residentBytes: UInt64
    }

    private var occupants = [SocketHolder.Identity?](repeating: nil, count: countMax)
    /// Whoever came when all places were taken stays without one: its counter would not fit behind
    /// that of the one before.
    private var others: Set<SocketHolder.Identity> = []

    /// Seats the workers there are now.
    ///
    /// - Parameter workers: all of them.
    /// - Returns: the places that are occupied, in their order, `_other` last.
    mutating func seat(_ workers: [SocketHolder]) -> [Occupied] {
        let living = Dictionary(workers.map { ($0.identity, $0) }) { first, _ in first }
        others = others.filter { living[$0] != nil }
        for place in occupants.indices {
            if let identity = occupants[place], living[identity] == nil { occupants[place] = nil }
        }
        let seated = Set(occupants.compactMap(\.self)).union(others)
        let newcomers = living.keys.filter { !seated.contains($0) }.sorted { first, second in
            (first.startTicks, first.process) < (second.startTicks, second.process)
        }
        for newcomer in newcomers {
            if let place = occupants.firstIndex(of: nil) {
                occupants[place] = newcomer
            } else {
                others.insert(newcomer)
            }
        }
        var places = occupants.enumerated().compactMap { place, identity in
            identity.flatMap { living[$0] }.map { worker in
                Occupied(
                    label: "\(place + 1)",
                    cpuSeconds: worker.cpuSeconds,
                    residentBytes: worker.residentBytes
                )
            }
        }
        if !others.isEmpty {
            let rest = others.compactMap { living[$0] }
            places.append(
                Occupied(
                    label: "_other",
                    cpuSeconds: rest.reduce(0) { $0 + $1.cpuSeconds },
                    residentBytes: rest.reduce(0) { $0 &+ $1.residentBytes }
                )
            )
        }
        return places
    }
}
