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

    public var trust: Trust
    /// Empty for peers without an address, such as those of a unix socket.
    public var clientAddress: AddressText
    /// The port the request came in on; 0 when there is none.
    public var localPort: UInt16
    /// How the body goes upstream; never ``MessageFraming/untilClose``, which requests lack.
    public var framing: MessageFraming
    public var expectation: Expectation

    public init(
        trust: Trust,
        clientAddress: AddressText,
        localPort: UInt16,
        framing: MessageFraming,
        expectation: Expectation = .withhold
    ) {
        self.trust = trust
        self.clientAddress = clientAddress
        self.localPort = localPort
        self.framing = framing
        self.expectation = expectation
    }
}
