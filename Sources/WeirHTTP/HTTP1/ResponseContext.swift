// SPDX-License-Identifier: Apache-2.0

/// What the head of a forwarded response says beyond what upstream has said.
public struct ResponseContext: BitwiseCopyable, Sendable {
    /// How the body goes to the client; chunked is for HTTP/1.1 clients only.
    public var framing: MessageFraming
    /// What becomes of the client's connection; closed in any case when that ends the body.
    public var fate: ConnectionFate
    public var clientVersion: HTTPVersion
    /// The date of a response that has none (RFC 9110 §6.6.1).
    public var date: HTTPDate
    /// What becomes of the body; the head must be prepared for it.
    public var compression: Compression

    public init(
        framing: MessageFraming,
        fate: ConnectionFate,
        clientVersion: HTTPVersion,
        date: HTTPDate,
        compression: Compression = .none
    ) {
        self.framing = framing
        self.fate = fate
        self.clientVersion = clientVersion
        self.date = date
        self.compression = compression
    }
}
