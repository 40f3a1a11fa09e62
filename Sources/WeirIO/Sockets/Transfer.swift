// SPDX-License-Identifier: Apache-2.0

/// What came of one read or one write.
public enum Transfer: BitwiseCopyable, Equatable, Sendable {
    /// This many bytes went over, at least one.
    case bytes(Int)
    /// Nothing now; the kernel will report when it is worth trying again.
    case wouldBlock
    /// The peer has finished sending; only a read ends so.
    case end
    /// The connection is broken; the kernel says how.
    case failed(ErrorCode)
}
