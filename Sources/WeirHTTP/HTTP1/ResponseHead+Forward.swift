// SPDX-License-Identifier: Apache-2.0

extension ResponseHead {
    /// How much longer than the parsed head the written one can be, at most: `Date`,
    /// `Content-Length` and `Connection: keep-alive` at their longest make 37 + 38 + 24 = 99, a
    /// space that the status line lacks makes 100; `Content-Encoding`, `Vary` and `ETag` of a body
    /// that is compressed add 24 + 23 + 3.
    public static var forwardedOverheadBytes: Int { 160 }

    /// Writes the head as it goes to the client: HTTP/1.1, reason phrase and fields byte for byte
    /// and in order but for those that concern this connection only (RFC 9110 §7.6.1), framing
    /// and connection written anew, a date where there is none, and the empty line.
    ///
    /// `Trailer` is not forwarded because no trailer is (RFC 9110 §6.5.1); a status line that ends
    /// behind the status gets the space it lacks (RFC 9112 §4).
    ///
    /// Interim heads get nothing added, and a 101 only what makes it one.
    ///
    /// - Parameters:
    ///   - bytes: the same bytes that were parsed.
    ///   - output: must have room for the parsed length and ``forwardedOverheadBytes``.
    ///   - context: how the body goes to the client and what follows it.
    @_lifetime(output: copy output)
    public func writeForwarded(
        from bytes: RawSpan,
        into output: inout OutputRawSpan,
        context: ResponseContext
    ) {
        let dropped: FieldKinds = [
            .connection, .keepAlive, .proxyConnection, .acceptedCodings, .transferEncoding,
            .contentLength, .trailer, .upgrade, .named, .close, .recoded,
        ]
        output.fill { output in
            var output = output
            // The line as it came, but for the version, which is that of weir (RFC 9110 §6.2).
            var copied = 0
            if bytes.byte(at: 7) != UInt8(ascii: "1") {
                output.append("HTTP/1.1")
                copied = 8
            }
            if bytes.byte(at: 12) == ByteClass.carriageReturn {
                output.append(contentsOf: bytes.extracting(copied..<12))
                output.append(" ")
                copied = 12
            }
            fields.copy(
                bytes,
                from: copied,
                dropping: dropped,
                keepingFirstOf: [],
                into: &output
            )
            if status == 101 {
                fields.writeProtocols(bytes, into: &output)
            } else if !isInterim {
                writeFraming(context, into: &output)
                if !fields.seen.contains(.date) {
                    output.append("Date: ")
                    context.date.write(into: &output)
                    output.append("\r\n")
                }
                if context.compression != .none {
                    writeRecoded(bytes, for: context.compression, into: &output)
                }
            }
            output.append("\r\n")
            return output
        }
    }

    @inline(always)
    private func writeFraming(
        _ context: ResponseContext,
        into output: inout OutputCursor
    ) {
        var fate = context.fate
        switch context.framing {
        case .counted(let length):
            if status != 204 { output.appendContentLength(length) }
        case .chunked:
            output.append("Transfer-Encoding: chunked\r\n")
        case .untilClose:
            fate = .close
        case .none:
            writeLengthWithoutBody(into: &output)
        }
        if fate == .close {
            output.append("Connection: close\r\n")
        } else if context.clientVersion == .http10 {
            output.append("Connection: keep-alive\r\n")
        }
    }

    /// RFC 9110 §8.6: the declared length for HEAD and 304, none for 204, and zero where the
    /// client would otherwise wait for a body.
    @inline(always)
    private func writeLengthWithoutBody(into output: inout OutputCursor) {
        if status == 204 { return }
        if framing != .none {
            output.appendContentLength(0)
        } else if let contentLength {
            output.appendContentLength(contentLength)
        }
    }
}
