// SPDX-License-Identifier: Apache-2.0

/// Why a stream is ended before its time (RFC 9113 §7).
public enum StreamResetCode: UInt32, BitwiseCopyable, Sendable {
    /// The response is whole, and what is left of the request is not needed.
    case noError = 0
    case internalError = 2
    case refusedStream = 7
    case cancel = 8
}
