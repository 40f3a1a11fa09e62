// SPDX-License-Identifier: Apache-2.0

extension RequestHead {
    /// How much longer than the parsed head the written one can be, at most.
    ///
    /// The fields that are added, at their longest but for the host, make 430 bytes; the host
    /// stands in up to three of them, and one that a trusted peer names in one.
    public var forwardedOverheadBytes: Int {
        let ownHost = host?.count ?? 0
        let namedHost = fields.seen.contains(.forwardedHost) ? HostSyntax.bytesMax : ownHost
        return 432 + 2 * ownHost + max(ownHost, namedHost)
    }

    /// Writes the head as it goes upstream: HTTP/1.1, fields byte for byte and in order but for
    /// those that concern this connection only (RFC 9110 §7.6.1), framing and forwarding fields
    /// written anew, and the empty line.
    ///
    /// `Trailer` is not forwarded because no trailer is (RFC 9110 §6.5.1).
    /// Left out for good are also names with `_`, which WSGI confuses with others, `Proxy`, which
    /// CGI does (CVE-2016-5385), and what an untrusted peer claims in `Forwarded`,
    /// `X-Forwarded-*` and `X-Request-ID`. What a trusted peer says of protocol, host and port
    /// stays as it came; said twice, the first word counts.
    ///
    /// - Parameters:
    ///   - bytes: the same bytes that were parsed.
    ///   - output: must have room for the parsed length and ``forwardedOverheadBytes``.
    ///   - context: who the client is, and how the body goes upstream.
    @_lifetime(output: copy output)
    public func writeForwarded(
        from bytes: RawSpan,
        into output: inout OutputRawSpan,
        context: ForwardingContext
    ) {
        output.fill { output in
            var output = output
            writeLines(bytes, dropping: dropped(context), into: &output)
            if let framing = context.framing { writeFraming(framing, into: &output) }
            if context.expectation == .forward { output.append("Expect: 100-continue\r\n") }
            if context.offer == .forward { fields.writeProtocols(bytes, into: &output) }
            if let maxForwards { writeMaxForwards(maxForwards, into: &output) }
            let origin = origin(bytes, context.trust)
            writeForwardedFor(bytes, context, into: &output)
            writeForwardedHost(bytes, context.trust, origin, into: &output)
            writeForwarded(bytes, context, origin, into: &output)
            writeIdentity(context, into: &output)
            if context.framing != nil { output.append("\r\n") }
            return output
        }
    }

    /// Ends a head that was written before the framing of its body was known.
    ///
    /// - Parameters:
    ///   - framing: how the body goes upstream: counted or chunked.
    ///   - output: must have the room that the head has left.
    @_lifetime(output: copy output)
    public static func writeEnd(of framing: MessageFraming, into output: inout OutputRawSpan) {
        output.fill { output in
            var output = output
            switch framing {
            case .counted(let length): output.appendContentLength(length)
            case .chunked: output.append("Transfer-Encoding: chunked\r\n")
            case .none, .untilClose: output.appendContentLength(0)
            }
            output.append("\r\n")
            return output
        }
    }

    /// The kinds of fields that do not go upstream as they came.
    @inline(always)
    private func dropped(_ context: ForwardingContext) -> FieldKinds {
        var dropped: FieldKinds = [
            .connection, .keepAlive, .proxyConnection, .acceptedCodings, .transferEncoding,
            .contentLength, .trailer, .upgrade, .expect, .proxy, .forwardedFor, .forwarded,
            .requestStart, .underscored, .named, .close,
        ]
        if context.trust == .untrusted {
            dropped.formUnion([
                .forwardedProto, .forwardedHost, .forwardedPort, .forwardedScheme, .forwardedOther,
            ])
        }
        if case .made = context.identity { dropped.formUnion(.requestID) }
        if maxForwards != nil { dropped.formUnion(.maxForwards) }
        return dropped
    }

    /// The request line and the fields that are kept.
    @inline(always)
    private func writeLines(
        _ bytes: RawSpan,
        dropping dropped: FieldKinds,
        into output: inout OutputCursor
    ) {
        var dropped = dropped
        var copied = start
        let minorVersion = bytes.byte(at: target.upperBound &+ 8)
        if form != .origin || minorVersion != UInt8(ascii: "1") {
            writeRequestLine(bytes, into: &output)
            if form == .absolute { dropped.formUnion(.host) }
            copied = fields.tally.start
        }
        fields.copy(
            bytes,
            from: copied,
            dropping: dropped,
            keepingFirstOf: [.forwardedProto, .forwardedHost, .forwardedPort, .requestID],
            into: &output
        )
    }

    /// Where the client believes that it has sent the request.
    private struct Origin {
        var host: Range<Int>?
        var scheme = Scheme.http

        enum Scheme { case http, https }
    }

    /// The host of the request, or what a trusted peer says of host and protocol.
    @inline(always)
    private func origin(_ bytes: RawSpan, _ trust: ForwardingContext.Trust) -> Origin {
        let words: FieldKinds = [.forwardedHost, .forwardedProto, .forwardedScheme]
        if trust == .trusted, !fields.seen.isDisjoint(with: words) { return namedOrigin(bytes) }
        return Origin(host: host)
    }

    @inline(never)
    private func namedOrigin(_ bytes: RawSpan) -> Origin {
        var origin = Origin(host: host)
        if let value = fields.value(.forwardedHost), HostSyntax.isValid(bytes, value) {
            origin.host = value
        }
        let proto = fields.value(.forwardedProto)
        let other = fields.value(.forwardedScheme)
        if let proto, bytes.equals(proto, lowercase: "https") {
            origin.scheme = .https
        } else if proto == nil, let other,
            bytes.equals(other, lowercase: "on") || bytes.equals(other, lowercase: "ssl")
        {
            origin.scheme = .https
        }
        return origin
    }

    /// Protocol, host and port, but for what a trusted peer has said of them.
    ///
    /// The port is the one that the client has used, not that of weir's socket, which a Service or
    /// an ingress may have moved: applications make URLs of it.
    @inline(always)
    private func writeForwardedHost(
        _ bytes: RawSpan,
        _ trust: ForwardingContext.Trust,
        _ origin: Origin,
        into output: inout OutputCursor
    ) {
        let kept: FieldKinds = trust == .trusted ? fields.seen : []
        if !kept.contains(.forwardedProto) {
            switch origin.scheme {
            case .http: output.append("X-Forwarded-Proto: http\r\n")
            case .https: output.append("X-Forwarded-Proto: https\r\n")
            }
        }
        if !kept.contains(.forwardedHost), let host {
            output.append("X-Forwarded-Host: ")
            output.append(contentsOf: bytes.extracting(host))
            output.append("\r\n")
        }
        if !kept.contains(.forwardedPort) {
            output.append("X-Forwarded-Port: ")
            if let host = origin.host, let port = HostSyntax.port(bytes, host) {
                output.append(contentsOf: bytes.extracting(port))
            } else {
                switch origin.scheme {
                case .http: output.append("80")
                case .https: output.append("443")
                }
            }
            output.append("\r\n")
        }
    }

    /// The request line, and `Host` where the fields have none to copy (RFC 9112 §3.2).
    @inline(never)
    private func writeRequestLine(_ bytes: RawSpan, into output: inout OutputCursor) {
        output.append(contentsOf: bytes.extracting(start..<target.lowerBound))
        if path.isEmpty, method == .options {
            output.append("*")  // RFC 9112 §3.2.4
        } else if path.isEmpty || bytes.byte(at: path.lowerBound) == UInt8(ascii: "?") {
            output.append("/")  // RFC 9112 §3.2.1
        }
        output.append(contentsOf: bytes.extracting(path))
        output.append(" HTTP/1.1\r\n")
        if form == .absolute || host == nil {
            output.append("Host:")
            if let host {
                output.append(" ")
                output.append(contentsOf: bytes.extracting(host))
            }
            output.append("\r\n")
        }
    }

    /// How the body is delimited (RFC 9112 §6.1, §6.2).
    @inline(always)
    private func writeFraming(_ framing: MessageFraming, into output: inout OutputCursor) {
        switch framing {
        case .counted(let length): output.appendContentLength(length)
        case .chunked: output.append("Transfer-Encoding: chunked\r\n")
        case .none, .untilClose:
            // RFC 9110 §8.6: said where the method gives content a meaning, or the client did.
            let isExpected = method == .post || method == .put || method == .patch
            if isExpected || fields.seen.contains(.contentLength) { output.appendContentLength(0) }
        }
    }

    @inline(always)
    private func writeForwardedFor(
        _ bytes: RawSpan,
        _ context: ForwardingContext,
        into output: inout OutputCursor
    ) {
        let isJoined = context.trust == .trusted && fields.seen.contains(.forwardedFor)
        let isWritten =
            isJoined && writeValues(of: .forwardedFor, bytes, after: "X-Forwarded-For: ", &output)
        if !context.clientAddress.isEmpty {
            if isWritten { output.append(", ") } else { output.append("X-Forwarded-For: ") }
            context.clientAddress.write(into: &output)
            output.append("\r\n")
        } else if isWritten {
            output.append("\r\n")
        }
    }

    /// This hop as `Forwarded` describes it (RFC 7239 §4), behind what a trusted peer has said.
    ///
    /// For a peer that says it in `X-Forwarded-*` alone its words go into the element, so that both
    /// ways to say it agree.
    @inline(always)
    private func writeForwarded(
        _ bytes: RawSpan,
        _ context: ForwardingContext,
        _ origin: Origin,
        into output: inout OutputCursor
    ) {
        let isJoined = context.trust == .trusted && fields.seen.contains(.forwarded)
        let isWritten =
            isJoined && writeValues(of: .forwarded, bytes, after: "Forwarded: ", &output)
        let origin = isWritten ? Origin(host: host) : origin
        if isWritten { output.append(", for=") } else { output.append("Forwarded: for=") }
        if context.clientAddress.isEmpty {
            output.append("unknown")  // RFC 7239 §6.2
        } else if context.clientAddress.isIPv6 {
            output.append("\"[")
            context.clientAddress.write(into: &output)
            output.append("]\"")
        } else {
            context.clientAddress.write(into: &output)
        }
        if let host = origin.host {
            output.append(";host=\"")
            output.append(contentsOf: bytes.extracting(host))
            output.append("\";proto=http")
        } else {
            output.append(";proto=http")
        }
        switch origin.scheme {
        case .http: output.append("\r\n")
        case .https: output.append("s\r\n")
        }
    }

    /// The request's id if it is new, when it came, and by which protocol (RFC 9110 §7.6.3).
    @inline(always)
    private func writeIdentity(
        _ context: ForwardingContext,
        into output: inout OutputCursor
    ) {
        if case .made(let id) = context.identity {
            output.append("X-Request-ID: ")
            id.write(into: &output)
            output.append("\r\n")
        }
        output.append("X-Request-Start: t=")
        output.append(decimal: context.startMicroseconds)
        switch version {
        case .http11: output.append("\r\nVia: 1.1 weir\r\n")
        case .http10: output.append("\r\nVia: 1.0 weir\r\n")
        case .http2: output.append("\r\nVia: 2.0 weir\r\n")
        }
    }

    /// All values of one kind as one list.
    ///
    /// - Returns: whether anything was written.
    @inline(never)
    private func writeValues(
        of kind: FieldKinds,
        _ bytes: RawSpan,
        after name: StaticString,
        _ output: inout OutputCursor
    ) -> Bool {
        var separator = name
        var isWritten = false
        for index in 0..<fields.count where fields.lines[index].kind == kind {
            let value = fields.lines[index].value
            if value.isEmpty { continue }
            output.append(separator)
            output.append(contentsOf: bytes.extracting(value))
            separator = ", "
            isWritten = true
        }
        return isWritten
    }

    /// One less than what came (RFC 9110 §7.6.2).
    @inline(never)
    private func writeMaxForwards(_ number: UInt64, into output: inout OutputCursor) {
        output.append("Max-Forwards: ")
        output.append(decimal: number - 1)
        output.append("\r\n")
    }
}
