// SPDX-License-Identifier: Apache-2.0

/// The protocol version of a message (RFC 9110 §2.5).
public enum HTTPVersion: UInt8, BitwiseCopyable, Sendable {
    case http10, http11
    /// The head of such a message comes and goes as text of HTTP/1.1; frames delimit its body.
    case http2
}
