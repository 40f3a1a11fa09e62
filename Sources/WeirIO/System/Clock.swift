// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc

/// The two clocks of the kernel, in nanoseconds.
public enum Clock {
    /// Time since the machine started; never goes back.
    ///
    /// Costs no system call (vDSO).
    public static func monotonic() -> UInt64 { weir_monotonic_nanoseconds() }

    /// Time since 1970 in UTC; may be set, so never subtract two of these.
    public static func wall() -> UInt64 { weir_wall_nanoseconds() }

    /// A time in UTC as RFC 3339 writes it, to the second, such as `2026-11-22T22:07:00Z`.
    ///
    /// - Parameter wall: nanoseconds since 1970.
    /// - Returns: the text.
    public static func timestamp(_ wall: UInt64) -> String {
        var seconds = time_t(wall / 1_000_000_000)
        var parts = unsafe tm()
        unsafe gmtime_r(&seconds, &parts)
        var text = [CChar](repeating: 0, count: 32)
        let count = unsafe strftime(&text, text.count, "%Y-%m-%dT%H:%M:%SZ", &parts)
        return String(decoding: text[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

extension Duration {
    /// The duration in whole nanoseconds, from zero to 584 years.
    public var nanoseconds: UInt64 {
        let (seconds, attoseconds) = components
        guard seconds >= 0, attoseconds >= 0 else { return 0 }
        let (whole, overflow) = UInt64(seconds).multipliedReportingOverflow(by: 1_000_000_000)
        return overflow ? .max : whole &+ UInt64(attoseconds / 1_000_000_000)
    }
}
