// SPDX-License-Identifier: Apache-2.0

extension RequestHead {
    /// How much longer than the parsed head the written one can be, at most.
    ///
    /// `Host` and `X-Forwarded-Host` of 261 bytes each where the target had the host once, and
    /// the other fields below at their longest: 282 + 16 + 66 + 25 + 25 + 38 + 22 = 474.
    public static var forwardedOverheadBytes: Int { 512 }

    /// Writes the head as it goes upstream: HTTP/1.1, fields byte for byte and in order but for
    /// those that concern this connection only (RFC 9110 §7.6.1), framing and forwarding fields
    /// written anew, and the empty line.
    ///
    /// `Trailer` is not forwarded because no trailer is (RFC 9110 §6.5.1).
    /// Left out for good are also names with `_`, which WSGI confuses with others, `Proxy`, which
    /// CGI does (CVE-2016-5385), and what an untrusted peer claims in `Forwarded` and
    /// `X-Forwarded-*`. What a trusted peer says of protocol, host and port stays as it came;
    /// said twice, the first word counts.
    ///
    /// - Parameters:
    ///   - bytes: the same bytes that were parsed.
    ///   - output: must have room for the parsed length and ``forwardedOverheadBytes``.
    ///   - context: who the client is, and how the body goes upstream.
    @_lifetime(output: copy output)
    public func writeForwarded(
        from bytes: RawSpan,
        into output: inout OutputRawSpan,
        context: borrowing ForwardingContext
    ) {
        var dropped: FieldKinds = [
            .connection, .keepAlive, .proxyConnection, .acceptedCodings, .transferEncoding,
            .contentLength, .trailer, .upgrade, .expect, .proxy, .forwardedFor, .underscored,
            .named,
        ]
        if context.trust == .untrusted {
            dropped.formUnion([.forwardedProto, .forwardedHost, .forwardedPort, .forwarded])
        }
        let context = copy context
        output.fill { output in
            var output = output
            writeLines(bytes, dropping: dropped, into: &output)
            writeFraming(context.framing, into: &output)
            if context.expectation == .forward { output.append("Expect: 100-continue\r\n") }
            writeForwardedFor(bytes, context, into: &output)
            writeForwardedHost(bytes, context, into: &output)
            output.append("\r\n")
            return output
        }
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
        if form != .origin || version != .http11 {
            writeRequestLine(bytes, into: &output)
            if form == .absolute { dropped.formUnion(.host) }
            copied = fields.tally.start
        }
        fields.copy(
            bytes,
            from: copied,
            dropping: dropped,
            keepingFirstOf: [.forwardedProto, .forwardedHost, .forwardedPort],
            into: &output
        )
    }

    /// Protocol, host and port, but for what a trusted peer has said of them.
    @inline(always)
    private func writeForwardedHost(
        _ bytes: RawSpan,
        _ context: borrowing ForwardingContext,
        into output: inout OutputCursor
    ) {
        let kept: FieldKinds = context.trust == .trusted ? fields.seen : []
        if !kept.contains(.forwardedProto) { output.append("X-Forwarded-Proto: http\r\n") }
        if !kept.contains(.forwardedHost), let host {
            output.append("X-Forwarded-Host: ")
            output.append(contentsOf: bytes.extracting(host))
            output.append("\r\n")
        }
        if !kept.contains(.forwardedPort), context.localPort != 0 {
            output.append("X-Forwarded-Port: ")
            output.append(decimal: UInt64(context.localPort))
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
        _ context: borrowing ForwardingContext,
        into output: inout OutputCursor
    ) {
        let isJoined = context.trust == .trusted && fields.seen.contains(.forwardedFor)
        if isJoined {
            writeJoinedForwardedFor(bytes, context, into: &output)
        } else if !context.clientAddress.isEmpty {
            output.append("X-Forwarded-For: ")
            context.clientAddress.write(into: &output)
            output.append("\r\n")
        }
    }

    /// What the peers before have said, and the address of the last one behind it.
    @inline(never)
    private func writeJoinedForwardedFor(
        _ bytes: RawSpan,
        _ context: borrowing ForwardingContext,
        into output: inout OutputCursor
    ) {
        var separator: StaticString = "X-Forwarded-For: "
        var isWritten = false
        for index in 0..<fields.count where fields.lines[index].kind == .forwardedFor {
            let value = fields.lines[index].value
            if value.isEmpty { continue }
            output.append(separator)
            output.append(contentsOf: bytes.extracting(value))
            separator = ", "
            isWritten = true
        }
        if !context.clientAddress.isEmpty {
            output.append(separator)
            context.clientAddress.write(into: &output)
            isWritten = true
        }
        if isWritten { output.append("\r\n") }
    }
}
