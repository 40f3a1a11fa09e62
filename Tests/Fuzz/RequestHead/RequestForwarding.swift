// SPDX-License-Identifier: Apache-2.0

import WeirHTTP

/// What must hold of a request head as it goes upstream.
struct RequestForwarding {
    private let input: FuzzInput
    private let limits: HeadLimits
    private let whole: RequestReading
    private let received: PlainHead
    private let framing: MessageFraming
    private let context: ForwardingContext

    /// What concerns one connection only, what CGI confuses, and what weir writes anew: how each
    /// of these looks upstream is checked by itself, and everything else must pass.
    private static let managedNames: Set = [
        "host", "connection", "keep-alive", "proxy-connection", "te", "trailer", "upgrade",
        "transfer-encoding", "content-length", "expect", "proxy", "max-forwards",
        "forwarded", "via", "x-request-id", "x-request-start", "close",
    ]
    private static let droppedNames: Set = [
        "keep-alive", "proxy-connection", "te", "trailer", "proxy", "close",
    ]
    /// What nobody can take away by naming it in `Connection`.
    private static let protectedNames: Set = [
        "accept", "authorization", "cache-control", "content-encoding", "content-type", "cookie",
        "date", "set-cookie", "traceparent", "tracestate",
    ]

    init(
        _ input: FuzzInput,
        limits: HeadLimits,
        _ whole: RequestReading,
        _ received: PlainHead
    ) {
        self.input = input
        self.limits = limits
        self.whole = whole
        self.received = received
        let addresses = ["", "192.0.2.1", String(repeating: "f", count: AddressText.capacity)]
        framing = Self.framing(whole.framing, input)
        context = ForwardingContext(
            trust: input.has(1) ? .trusted : .untrusted,
            clientAddress: AddressText(addresses[input.knob % addresses.count]),
            framing: input.has(5) && framing != .none ? nil : framing,
            expectation: whole.expectsContinue ? .forward : .withhold,
            offer: input.has(2) && Self.offers(whole) ? .forward : .withhold,
            identity: input.has(1) && whole.requestID != nil
                ? .kept : .made(RequestID(high: 0, low: UInt64.max)),
            startMicroseconds: input.has(3) ? UInt64.max : 0
        )
    }

    private static func offers(_ whole: RequestReading) -> Bool {
        whole.offeredProtocols.map { !$0.isEmpty } ?? false
    }

    /// A body may be counted on the way, or go in chunks; none stays none.
    private static func framing(_ received: MessageFraming, _ input: FuzzInput) -> MessageFraming {
        switch received {
        case .none, .counted(0): received
        case _ where input.has(3): .chunked
        case _ where input.has(4): .counted(UInt64(Int64.max) >> UInt64(input.knob % 63))
        default: received
        }
    }

    func check() {
        // Such a request is answered by weir.
        guard whole.maxForwards != 0 else { return }
        let bytes = forwarded(input.message, limits: limits)
        guard let sent = PlainHead(bytes) else {
            return require(false, "the forwarded head is not made of whole lines")
        }
        require(kept(sent) == kept(received), "the fields that pass do not pass as they came")
        checkStart(sent)
        checkFields(sent)
        let all = HeadLimits(headBytes: 65_535, fieldCount: 256, targetBytes: 65_535)
        let reading = RequestReading(bytes, limits: all)
        guard whole.host != nil else {
            // Whoever names no host gets an empty one (RFC 9112 §3.2), which weir refuses.
            return require(reading.progress == .refused(.malformedHost), "an empty host was taken")
        }
        require(reading.progress == .complete(length: bytes.count), "weir refuses its own head")
        require(reading.method == whole.method, "the method has changed")
        require(reading.host == whole.host, "the host has changed")
        require(isSame(reading.framing), "the framing is not the one asked for")
        require(
            reading.expectsContinue == (context.expectation == .forward),
            "the expectation is not the one asked for"
        )
        require(reading.maxForwards == whole.maxForwards.map { $0 - 1 }, "Max-Forwards is wrong")
        if case .forward = context.offer {
            require(reading.offeredProtocols == whole.offeredProtocols, "the offer has changed")
        }
        guard reading.maxForwards != 0 else { return }
        guard let again = PlainHead(forwarded(bytes, limits: all)) else {
            return require(false, "the head forwarded twice is not made of whole lines")
        }
        require(again.startLine == sent.startLine, "the start line changes when sent again")
        require(kept(again) == kept(sent), "the fields change when forwarded again")
        if context.trust == .untrusted {
            // Each proxy on the way adds itself to the one and takes one off the other.
            let isStable: (PlainHead.Field) -> Bool = {
                $0.name != "via" && $0.name != "max-forwards"
            }
            require(
                again.fields.filter(isStable) == sent.fields.filter(isStable),
                "what weir adds changes when forwarded again"
            )
        }
    }

    /// The head as it goes upstream, in an allocation of just the room that is asked for.
    private func forwarded(_ bytes: [UInt8], limits: HeadLimits) -> [UInt8] {
        var head = RequestHead(limits: limits)
        guard case .complete(let length) = head.parse(bytes.span.octets) else { return [] }
        return written(capacity: length + head.forwardedOverheadBytes) { output in
            head.writeForwarded(from: bytes.span.octets, into: &output, context: context)
            if context.framing == nil { RequestHead.writeEnd(of: framing, into: &output) }
        }
    }

    /// The lines that weir does not concern itself with.
    private func kept(_ head: PlainHead) -> [PlainHead.Field] {
        let named = head.tokens("connection").subtracting(Self.protectedNames)
        return head.fields.filter { field in
            !Self.managedNames.contains(field.name) && !named.contains(field.name)
                && !field.name.hasPrefix("x-forwarded-") && !field.name.contains("_")
        }
    }

    /// The same method and target, but for what makes the target absolute, and HTTP/1.1.
    private func checkStart(_ sent: PlainHead) {
        let method = received.startLine.prefix { $0 != 0x20 }
        var target = whole.target[...]
        if target.first != UInt8(ascii: "/"), target != [UInt8(ascii: "*")] {
            let authority = target.drop { $0 != UInt8(ascii: "/") }.dropFirst(2)
            target = authority.drop { $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "?") }
            if target.isEmpty, whole.method == .options {
                target = [UInt8(ascii: "*")]
            } else if target.first != UInt8(ascii: "/") {
                target = [UInt8(ascii: "/")] + target
            }
        }
        let line = Array(method) + [0x20] + target + Array(" HTTP/1.1".utf8)
        require(sent.startLine == line, "the request line has changed")
    }

    private func checkFields(_ sent: PlainHead) {
        for field in sent.fields {
            require(!Self.droppedNames.contains(field.name), "a dropped field was forwarded")
            require(!field.name.contains("_"), "a name with _ was forwarded")
        }
        let connection = sent.tokens("connection")
        require(
            connection.isEmpty || connection == ["upgrade"] && context.offer == .forward,
            "the connection of the client was forwarded"
        )
        require(
            sent.values("upgrade").isEmpty || connection == ["upgrade"],
            "an upgrade was forwarded without its connection option"
        )
        require(sent.values("host") == [whole.host ?? []], "there is not one Host, the right one")
        for suffix in ["for", "proto", "host", "port"] {
            require(sent.values("x-forwarded-\(suffix)").count <= 1, "a forwarding field repeats")
        }
        if context.trust == .untrusted { checkUntrusted(sent) }
    }

    /// Nothing of what an untrusted peer says about those before it goes on.
    private func checkUntrusted(_ sent: PlainHead) {
        let forwarding = sent.fields.filter { $0.name.hasPrefix("x-forwarded-") }
        var expected: [String: [UInt8]] = ["x-forwarded-proto": Array("http".utf8)]
        if !context.clientAddress.isEmpty {
            expected["x-forwarded-for"] = written(capacity: AddressText.capacity) { output in
                context.clientAddress.write(into: &output)
            }
        }
        if let host = whole.host { expected["x-forwarded-host"] = host }
        // Behind the last colon, unless that is one of an IPv6 address.
        let host = whole.host ?? []
        let colon = host.lastIndex { $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: "]") }
        let port = colon.map { host[$0] == UInt8(ascii: ":") ? host[($0 + 1)...] : [] } ?? []
        expected["x-forwarded-port"] = port.isEmpty ? Array("80".utf8) : Array(port)
        require(forwarding.count == expected.count, "an untrusted peer was believed")
        for field in forwarding {
            require(expected[field.name] == field.value, "an untrusted peer was believed")
        }
    }

    private func isSame(_ sent: MessageFraming) -> Bool {
        switch framing {
        case .none, .untilClose: sent == .none || sent == .counted(0)
        case let framing: sent == framing
        }
    }
}
