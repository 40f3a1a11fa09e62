// SPDX-License-Identifier: Apache-2.0

/// The head of an HTTP/1 response (RFC 9112 §4, §5), as offsets into the bytes it came in.
///
/// Like ``RequestHead`` it is parsed again and again without an allocation, and what it says
/// means something only after a ``HeadProgress/complete(length:)``.
public struct ResponseHead: ~Copyable {
    let limits: HeadLimits
    var fields = FieldSection()

    /// The status code, 100 to 599.
    public internal(set) var status: UInt16 = 0
    public internal(set) var version = HTTPVersion.http11
    /// How the body that follows is delimited (RFC 9112 §6.3).
    public internal(set) var framing = MessageFraming.none
    /// Whether the upstream connection can carry another exchange (RFC 9112 §9.3).
    public internal(set) var persistence = ConnectionFate.close
    /// The length declared, also where no body follows (HEAD, 304: RFC 9110 §8.6).
    public internal(set) var contentLength: UInt64?

    /// The protocol that upstream switches to with a 101 (RFC 9110 §7.8); none otherwise.
    public internal(set) var switchedProtocols = ProtocolSet()

    /// Whether another response follows this one (RFC 9110 §15.2).
    public var isInterim: Bool { status < 200 && status != 101 }

    public init(limits: HeadLimits) {
        self.limits = limits
    }
}
