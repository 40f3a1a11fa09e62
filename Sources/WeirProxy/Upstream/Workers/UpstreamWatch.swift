// SPDX-License-Identifier: Apache-2.0

internal import WeirIO

/// Looks at gunicorn from outside: at its listening sockets, and at the processes that hold them.
struct UpstreamWatch {
    private let endpoint: Endpoint
    private let addresses: [SocketAddress]
    private var search = HolderSearch()
    private var places = WorkerPlaces()

    /// - Parameters:
    ///   - endpoint: where upstream listens.
    ///   - addresses: what that was resolved to.
    init(endpoint: Endpoint, addresses: [SocketAddress]) {
        self.endpoint = endpoint
        self.addresses = addresses
    }

    /// Looks at the sockets alone.
    func glance() -> UpstreamSight {
        UpstreamSight(
            listeners: SocketDiagnosis.listeners(at: endpoint, addresses: addresses)
        )
    }

    /// Looks at the sockets and at the workers.
    mutating func look() -> UpstreamSight {
        var sight = glance()
        let workers = sight.listeners.isEmpty ? [] : workers(at: sight.listeners)
        sight.workerCount = workers.count
        sight.places = places.seat(workers)
        return sight
    }

    private mutating func workers(at listeners: [ListeningSocket]) -> [SocketHolder] {
        let sockets = listeners.map(\.inode).sorted()
        let own = ProcessTable.own
        // A socket that weir itself has given to gunicorn makes weir no worker.
        let processes = ProcessTable.processes(upTo: HolderSearch.processesMax)
            .filter { $0 != own }
        let holders = search.holders(of: sockets, among: processes) { process in
            ProcessTable.holding(of: sockets, by: process)
        }
        return holders.compactMap(holder).workers
    }

    private func holder(_ process: Int32) -> SocketHolder? {
        guard let stat = SystemFile.read("/proc/\(process)/stat"),
            let kernel = KernelProcess(stat: stat)
        else { return nil }
        return SocketHolder(
            process,
            kernel,
            pageSize: UInt64(Machine.pageSize),
            ticksPerSecond: Double(Machine.clockTicksPerSecond)
        )
    }
}
