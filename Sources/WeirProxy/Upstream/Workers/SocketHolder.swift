// SPDX-License-Identifier: Apache-2.0

/// A process that has gunicorn's listening socket open.
struct SocketHolder: Equatable, Sendable {
    /// A process for as long as it lives: ids are used again, but not with the same start.
    struct Identity: Hashable, Sendable {
        let process: Int32
        /// Clock ticks since the machine started.
        let startTicks: UInt64
    }

    let identity: Identity
    let parent: Int32
    /// Tells the program that it executes from one that was executed anew, such as the master that
    /// gunicorn's USR2 starts; forks share it.
    let program: UInt64
    /// Processor time used, user and system.
    var cpuSeconds = 0.0
    /// Memory in RAM.
    var residentBytes: UInt64 = 0

    var process: Int32 { identity.process }
}

extension SocketHolder {
    /// A process as the kernel describes it.
    ///
    /// - Parameters:
    ///   - process: its id.
    ///   - kernel: the kernel's words.
    ///   - pageSize: bytes of a page of memory.
    ///   - ticksPerSecond: clock ticks in a second.
    init(_ process: Int32, _ kernel: KernelProcess, pageSize: UInt64, ticksPerSecond: Double) {
        self.init(
            identity: Identity(process: process, startTicks: kernel.startTicks),
            parent: kernel.parent,
            program: kernel.stackStart,
            cpuSeconds: Double(kernel.cpuTicks) / ticksPerSecond,
            residentBytes: kernel.residentPages &* pageSize
        )
    }
}

extension [SocketHolder] {
    /// Those of all holders of a socket that accept its connections.
    ///
    /// ```
    /// systemd ── master ─┬─ worker ── a fork of the application's own
    ///                    ├─ worker
    ///                    └─ master after USR2 ── worker
    /// ```
    ///
    /// The first holder of a program is its master, and its forks are the workers; it is a worker
    /// itself when no holder is its child. What a worker forks has the socket and does not use it.
    var workers: [SocketHolder] {
        let holders = Dictionary(map { ($0.process, $0) }) { first, _ in first }
        let parents = Set(map(\.parent))
        func forker(of holder: SocketHolder) -> SocketHolder? {
            guard let parent = holders[holder.parent], parent.program == holder.program else {
                return nil
            }
            return parent
        }
        return filter { holder in
            guard let master = forker(of: holder) else { return !parents.contains(holder.process) }
            return forker(of: master) == nil
        }
    }
}
