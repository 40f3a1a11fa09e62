// SPDX-License-Identifier: Apache-2.0

/// How an answer that weir makes itself says what went wrong.
public enum ErrorFormat: BitwiseCopyable, Sendable {
    /// One line of text.
    case text
    /// `application/problem+json` (RFC 9457).
    case problem
}
