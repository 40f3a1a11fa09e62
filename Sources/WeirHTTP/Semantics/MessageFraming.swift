// SPDX-License-Identifier: Apache-2.0

/// How the end of a message body is found (RFC 9112 §6.3).
public enum MessageFraming: BitwiseCopyable, Equatable, Sendable {
    /// There is no body.
    case none
    /// As many bytes as `Content-Length` says.
    case counted(UInt64)
    /// The chunked transfer coding.
    case chunked
    /// All that comes until the connection is closed; responses only.
    case untilClose
}
