// SPDX-License-Identifier: Apache-2.0

/// What becomes of a connection after the message at hand (RFC 9112 §9.3).
public enum ConnectionFate: BitwiseCopyable, Equatable, Sendable {
    case keepAlive, close
}
