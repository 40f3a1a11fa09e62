// SPDX-License-Identifier: Apache-2.0

internal import WeirIO

/// What can be seen of gunicorn on this machine, without asking it.
struct UpstreamSight: Equatable, Sendable {
    /// The sockets that it listens on; none when it is elsewhere, or down.
    var listeners: [ListeningSocket] = []
    /// Its workers; none when they cannot be seen.
    var workerCount = 0
    /// The places of the workers.
    var places: [WorkerPlaces.Occupied] = []

    /// Connections that wait to be accepted; `nil` when no listening socket is to be seen.
    var backlog: Int? {
        listeners.isEmpty ? nil : listeners.reduce(0) { $0 + $1.backlog }
    }

    /// Whether the kernel takes connections for it: some wait, and there is room for more.
    var isFillingUp: Bool {
        listeners.contains { $0.backlog > 0 && $0.backlog < $0.backlogMax }
    }
}
