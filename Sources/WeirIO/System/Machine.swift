// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc

/// What the kernel lets this process use.
public enum Machine {
    /// Processors allowed by affinity and by the cgroup's quota, at least 1.
    ///
    /// A quota of 1.5 processors counts as 2 loops: one would leave half a processor idle.
    public static var processorsAllowed: Int {
        let affinity = Int(weir_affinity_count())
        guard let text = SystemFile.read("/sys/fs/cgroup/cpu.max"),
            let quota = processorQuota(cpuMax: text)
        else { return affinity }
        return max(1, min(affinity, quota))
    }

    /// Reads the `cpu.max` file of a version 2 cgroup: quota and period in microseconds.
    ///
    /// - Parameter cpuMax: the file's text, such as `150000 100000` or `max 100000`.
    /// - Returns: the processors that the quota is worth, rounded up; `nil` without a quota.
    static func processorQuota(cpuMax: String) -> Int? {
        let fields = cpuMax.split(whereSeparator: \.isWhitespace)
        guard fields.count == 2, let quota = Int(fields[0]), let period = Int(fields[1]),
            quota > 0, period > 0
        else { return nil }
        return (quota - 1) / period + 1
    }

    /// Bytes of a page of memory.
    public static var pageSize: Int { sysconf(Int32(_SC_PAGESIZE)) }

    /// Units of processor time in a second, as `/proc` counts them.
    public static var clockTicksPerSecond: Int { sysconf(Int32(_SC_CLK_TCK)) }

    /// Raises `RLIMIT_NOFILE` to its hard limit.
    ///
    /// - Returns: how many descriptors this process may have open then.
    public static func raiseDescriptorLimit() -> Int {
        Int(clamping: weir_raise_descriptor_limit())
    }
}
