// SPDX-License-Identifier: Apache-2.0

/// Counts what may come in bursts but not for ever.
struct TokenBucket: BitwiseCopyable {
    private var spent: UInt32 = 0
    /// Nanoseconds on the clock of ``take(at:)``.
    private var refilledAt: UInt64 = 0

    /// Nanoseconds in which one comes back.
    private static let interval = 1_000_000_000 / UInt64(HTTP2Limits.refillPerSecond)

    /// Takes one.
    ///
    /// - Parameter now: nanoseconds on a clock that does not go back.
    /// - Returns: whether there was one left.
    mutating func take(at now: UInt64) -> Bool {
        let refill = (now &- refilledAt) / Self.interval
        spent -= UInt32(min(refill, UInt64(spent)))
        // What is left of an interval counts for the next one.
        refilledAt &+= refill * Self.interval
        guard spent < HTTP2Limits.burst else { return false }
        spent += 1
        return true
    }
}
