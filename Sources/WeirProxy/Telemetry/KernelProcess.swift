// SPDX-License-Identifier: Apache-2.0

/// What the kernel says about a process in one line, `/proc/PID/stat` (proc(5)).
struct KernelProcess: Equatable, Sendable {
    /// Processor time used, user and system, in clock ticks.
    let cpuTicks: UInt64
    /// The id of the parent.
    let parent: Int32
    /// When it started, in clock ticks since the machine did.
    let startTicks: UInt64
    /// Memory in RAM, in pages.
    let residentPages: UInt64
    /// Address space, in bytes.
    let virtualBytes: UInt64
    /// Threads now.
    let threads: UInt64
    /// Where the stack begins: a fork has its parent's, an executed program a new one.
    let stackStart: UInt64

    /// Reads the line; `nil` when it is not one, or not whole.
    init?(stat: String) {
        // The second field is the program's name in parentheses, which may contain anything.
        guard let nameEnd = stat.lastIndex(of: ")") else { return nil }
        let fields = stat[stat.index(after: nameEnd)...].split(separator: " ")
        guard fields.count > 25, let parent = Int32(fields[1]), let user = UInt64(fields[11]),
            let system = UInt64(fields[12]), let threads = UInt64(fields[17]),
            let start = UInt64(fields[19]), let virtual = UInt64(fields[20]),
            let pages = UInt64(fields[21]), let stack = UInt64(fields[25])
        else { return nil }
        cpuTicks = user &+ system
        self.parent = parent
        startTicks = start
        residentPages = pages
        virtualBytes = virtual
        self.threads = threads
        stackStart = stack
    }
}
