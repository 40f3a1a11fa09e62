// SPDX-License-Identifier: Apache-2.0

extension RequestHead {
    /// Parses a request head from the front of `bytes`, which may hold more than the head.
    ///
    /// At most four empty lines before the request line are passed over (RFC 9112 §2.2) and
    /// counted in the length. Costs one pass over the head; a head that was incomplete is
    /// parsed from its front again.
    public mutating func parse(_ bytes: RawSpan) -> HeadProgress {
        do throws(HeadError) {
            method = .other
            guard let fieldsStart = try parseRequestLine(bytes) else {
                guard bytes.byteCount >= limits.headBytes else { return .incomplete }
                return .refused(.headTooLong)
            }
            let progress = fields.parse(bytes, from: fieldsStart, limits: limits)
            guard case .complete = progress else { return progress }
            try settle(bytes)
            return progress
        } catch {
            return .refused(error)
        }
    }

    /// Parses a head that was translated from HTTP/2, by the same rules.
    ///
    /// - Parameter bytes: the head and nothing else.
    /// - Returns: as ``parse(_:)``; where it is complete, ``version`` is that of the client.
    public mutating func parseTranslated(_ bytes: RawSpan) -> HeadProgress {
        let progress = parse(bytes)
        version = .http2
        return progress
    }

    /// Decides what the fields mean together, once all of them are there.
    @inline(__always)
    private mutating func settle(_ bytes: RawSpan) throws(HeadError) {
        try settleHost(bytes)
        framing = try fields.framing(bytes, version: version) ?? .none
        expectsContinue = false
        offeredProtocols = ProtocolSet()
        acceptsProblems = false
        maxForwards = nil
        switch version {
        case .http11, .http2:
            persistence = fields.options.contains(.close) ? .close : .keepAlive
            if fields.seen.contains(.expect) { try settleExpectation(bytes) }
            if fields.seen.contains(.upgrade), fields.options.contains(.upgrade), !hasContent {
                offeredProtocols = fields.protocolSet(bytes)
            }
        case .http10:
            let wish: ConnectionOptions = [.close, .keepAlive]
            persistence =
                fields.options.intersection(wish) == .keepAlive ? .keepAlive : .close
        }
        if fields.seen.contains(.accept) { acceptsProblems = fields.acceptsProblems(bytes) }
        if method == .trace || method == .options { try settleSelfDirected(bytes) }
    }

    /// The two methods that an intermediary may have to answer itself.
    @inline(never)
    private mutating func settleSelfDirected(_ bytes: RawSpan) throws(HeadError) {
        if method == .trace, hasContent { throw .traceWithBody }
        guard let value = fields.value(.maxForwards) else { return }
        guard !fields.repeated.contains(.maxForwards),
            let number = FieldSection.number(bytes, value)
        else { throw .malformedMaxForwards }
        maxForwards = number
    }

    /// RFC 9112 §3.2: exactly one valid `Host`, which only HTTP/1.0 may leave out.
    @inline(__always)
    private mutating func settleHost(_ bytes: RawSpan) throws(HeadError) {
        if let value = fields.value(.host) {
            guard !fields.repeated.contains(.host) else { throw .repeatedHost }
            guard HostSyntax.isValid(bytes, value) else { throw .malformedHost }
            if form != .absolute { host = value }
        } else {
            guard version == .http10 else { throw .missingHost }
        }
    }

    /// RFC 9110 §10.1.1: `100-continue` is the only expectation there is.
    @inline(never)
    private mutating func settleExpectation(_ bytes: RawSpan) throws(HeadError) {
        for index in 0..<fields.count where fields.lines[index].kind == .expect {
            guard bytes.equals(fields.lines[index].value, lowercase: "100-continue") else {
                throw .unmetExpectation
            }
        }
        expectsContinue = hasContent
    }

    /// Whether a body with at least one byte is announced.
    private var hasContent: Bool {
        switch framing {
        case .none: false
        case .counted(let length): length > 0
        case .chunked, .untilClose: true
        }
    }
}
