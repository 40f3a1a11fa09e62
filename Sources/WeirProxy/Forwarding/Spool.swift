// SPDX-License-Identifier: Apache-2.0

internal import WeirIO

/// Bytes on their way to a side that takes them more slowly than they come, first in, first out.
///
/// They wait in memory; once that is used up, in a file; and where no file is to be had, what was
/// read already waits in memory again, and no more is read.
///
/// ```
/// socket ◄─ first `leading` bytes of the chain ◄─ file ◄─ rest of the chain ◄─ new bytes
/// ```
///
/// Plain numbers; the loop's verbs (`ProxyLoop+Spool`) keep and give back what they stand for.
struct Spool: BitwiseCopyable {
    /// Whether a transfer may still turn to a file.
    enum Spilling: BitwiseCopyable {
        case allowed
        /// It was tried and could not be; it is not tried again for this transfer.
        case refused
    }

    var chain = BufferChain.none
    /// How many bytes of the chain go before those of the file; means nothing without a file.
    var leading: UInt32 = 0
    var file = SlabIndex<SpillFile>.none
    /// How many bytes of the chain are taken from the budget.
    var budgeted: UInt32 = 0
    var spilling = Spilling.allowed

    /// Whether nothing waits; a file is closed with its last byte.
    @inline(__always) var isEmpty: Bool { chain.isEmpty && file == .none }
}
