// SPDX-License-Identifier: Apache-2.0

@testable import WeirHTTP

/// All that a parsed request head says, as values that can be compared.
struct RequestSnapshot: HeadSnapshot {
    var progress: HeadProgress
    var method: Method
    var version: HTTPVersion?
    var target = ""
    var host: String?
    var framing: MessageFraming?
    var persistence: ConnectionFate?
    var expectsContinue = false
    var offersProtocols = false
    var acceptsProblems = false
    var maxForwards: UInt64?

    init(_ text: TestBytes, limits: HeadLimits = .test) {
        var head = RequestHead(limits: limits)
        self.init(text, &head)
    }

    init(_ text: TestBytes, _ head: inout RequestHead) {
        progress = text.withSpan { head.parse($0) }
        method = head.method
        guard case .complete = progress else { return }
        version = head.version
        target = String(decoding: text.bytes[head.target], as: UTF8.self)
        host = head.host.map { String(decoding: text.bytes[$0], as: UTF8.self) }
        framing = head.framing
        persistence = head.persistence
        expectsContinue = head.expectsContinue
        offersProtocols = !head.offeredProtocols.isEmpty
        acceptsProblems = head.acceptsProblems
        maxForwards = head.maxForwards
    }
}

/// What parsing a head has come to.
protocol HeadSnapshot: Equatable {
    var progress: HeadProgress { get }
}

extension HeadLimits {
    static var test: HeadLimits {
        HeadLimits(headBytes: 8192, fieldCount: 100, targetBytes: 2048)
    }
}

/// The head as it goes upstream; nil when it is not a complete one.
func forwarded(
    _ text: TestBytes,
    trust: ForwardingContext.Trust = .untrusted,
    address: String = "",
    framing: MessageFraming? = nil,
    expectation: ForwardingContext.Expectation = .withhold,
    offer: ForwardingContext.Offer = .withhold,
    identity: ForwardingContext.Identity = .kept,
    startMicroseconds: UInt64 = 0
) -> String? {
    var head = RequestHead(limits: .test)
    guard case .complete(let length) = text.withSpan({ head.parse($0) }) else { return nil }
    let context = ForwardingContext(
        trust: trust,
        clientAddress: AddressText(address),
        framing: framing ?? head.framing,
        expectation: expectation,
        offer: offer,
        identity: identity,
        startMicroseconds: startMicroseconds
    )
    return written(capacity: length + head.forwardedOverheadBytes) { output in
        text.withSpan { head.writeForwarded(from: $0, into: &output, context: context) }
    }
}
