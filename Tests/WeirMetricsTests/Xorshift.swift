// SPDX-License-Identifier: Apache-2.0

/// Random numbers that are the same in every run.
struct Xorshift: RandomNumberGenerator {
    /// Anything but zero.
    var state: UInt64

    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state
    }
}
