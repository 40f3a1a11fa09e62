// SPDX-License-Identifier: Apache-2.0

/// What the kernel says about weir's own process, for the `process_*` families.
struct ProcessStatistics: Equatable, Sendable {
    /// Processor time used, user and system, in seconds.
    var cpuSeconds: Double
    /// Memory in RAM, in bytes.
    var residentBytes: UInt64
    /// Address space, in bytes.
    var virtualBytes: UInt64
    /// File descriptors open now.
    var openDescriptors: UInt64
    /// File descriptors that may be open, the soft `RLIMIT_NOFILE`.
    var descriptorLimit: UInt64
    /// The start of the process, in seconds since the Unix epoch.
    var startTimeSeconds: Double
    /// Threads now.
    var threads: UInt64
}
