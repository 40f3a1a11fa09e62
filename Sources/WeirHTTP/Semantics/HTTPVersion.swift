// SPDX-License-Identifier: Apache-2.0

/// The protocol version of an HTTP/1 message (RFC 9112 §2.3).
public enum HTTPVersion: UInt8, BitwiseCopyable, Sendable {
    case http10, http11
}
