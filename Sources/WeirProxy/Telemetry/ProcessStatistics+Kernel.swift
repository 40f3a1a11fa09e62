// SPDX-License-Identifier: Apache-2.0

internal import WeirIO

extension ProcessStatistics {
    /// Asks the kernel about this process.
    ///
    /// - Returns: its numbers; `nil` when `/proc` cannot be read.
    static func read() -> ProcessStatistics? {
        guard let stat = SystemFile.read("/proc/self/stat"),
            let machine = SystemFile.read("/proc/stat"),
            let limits = SystemFile.read("/proc/self/limits"),
            let descriptors = SystemFile.entryCount(in: "/proc/self/fd")
        else { return nil }
        return ProcessStatistics(
            stat: stat,
            machineStat: machine,
            limits: limits,
            // One of them is the directory itself.
            openDescriptors: UInt64(max(0, descriptors - 1)),
            pageSize: UInt64(Machine.pageSize),
            ticksPerSecond: Double(Machine.clockTicksPerSecond)
        )
    }

    /// Reads the kernel's texts.
    init?(
        stat: String,
        machineStat: String,
        limits: String,
        openDescriptors: UInt64,
        pageSize: UInt64,
        ticksPerSecond: Double
    ) {
        let bootLine = machineStat.split(separator: "\n").first { $0.hasPrefix("btime ") }
        let limitLine = limits.split(separator: "\n").first { $0.hasPrefix("Max open files") }
        guard let process = KernelProcess(stat: stat),
            let boot = bootLine.flatMap({ Double($0.dropFirst(6)) }),
            let limitText = limitLine?.split(separator: " ").dropFirst(3).first
        else { return nil }
        self.init(
            cpuSeconds: Double(process.cpuTicks) / ticksPerSecond,
            residentBytes: process.residentPages &* pageSize,
            virtualBytes: process.virtualBytes,
            openDescriptors: openDescriptors,
            descriptorLimit: UInt64(limitText) ?? .max,
            startTimeSeconds: boot + Double(process.startTicks) / ticksPerSecond,
            threads: process.threads
        )
    }
}
