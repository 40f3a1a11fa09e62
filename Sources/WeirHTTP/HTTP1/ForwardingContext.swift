// SPDX-License-Identifier: Apache-2.0

/// What the head of a forwarded request says beyond what the client has said.
public struct ForwardingContext: BitwiseCopyable, Sendable {
    /// Whether what the peer says about those before it is believed.
    public enum Trust: BitwiseCopyable, Sendable {
        case trusted, untrusted
    }

    /// Whether `Expect: 100-continue` is passed on (RFC 9110 §10.1.1).
    public enum Expectation: BitwiseCopyable, Sendable {
        case forward, withhold
    }

    /// Whether the client's offer to switch protocols is passed on (RFC 9110 §7.8).
    public enum Offer: BitwiseCopyable, Sendable {
        case forward, withhold
    }

    /// Where the request's id comes from.
    public enum Identity: BitwiseCopyable, Sendable {
        /// From the peer: ``RequestHead/requestID(_:)`` has found it valid.
        case kept
        /// From weir, in place of whatever the peer has sent.
        case made(RequestID)
    }

    public var trust: Trust
    /// Empty for peers without an address, such as those of a unix socket.
    public var clientAddress: AddressText
    /// How the body goes upstream; never ``MessageFraming/untilClose``, which requests lack.
    ///
    /// `nil` while that is not known: the head is then written without its end, and
    /// ``RequestHead/writeEnd(of:into:)`` follows.
    public var framing: MessageFraming?
    public var expectation: Expectation
    public var offer: Offer
    public var identity: Identity
    /// When the first byte of the request came, in microseconds since 1970.
    public var startMicroseconds: UInt64

    public init(
        trust: Trust,
        clientAddress: AddressText,
        framing: MessageFraming?,
        expectation: Expectation = .withhold,
        offer: Offer = .withhold,
        identity: Identity,
        startMicroseconds: UInt64
    ) {
        self.trust = trust
        self.clientAddress = clientAddress
        self.framing = framing
        self.expectation = expectation
        self.offer = offer
        self.identity = identity
        self.startMicroseconds = startMicroseconds
    }
}
