// SPDX-License-Identifier: Apache-2.0

extension RequestHead {
    /// Room that the answer of a final recipient needs beside the parsed length.
    public static var finalAnswerOverheadBytes: Int { 256 }

    /// Writes the whole response of the last intermediary that `Max-Forwards` lets a request reach
    /// (RFC 9110 §7.6.2): a TRACE is reflected (§9.3.8), OPTIONS has its `Allow` (§9.3.7).
    ///
    /// - Parameters:
    ///   - bytes: the same bytes that were parsed.
    ///   - output: must have room for the parsed length and ``finalAnswerOverheadBytes``.
    ///   - context: the date, and what becomes of the connection.
    @_lifetime(output: copy output)
    public func writeFinalAnswer(
        from bytes: RawSpan,
        into output: inout OutputRawSpan,
        context: borrowing ResponseContext
    ) {
        output.append("HTTP/1.1 200 OK\r\nDate: ")
        context.date.write(into: &output)
        output.append("\r\n")
        if context.fate == .close {
            output.append("Connection: close\r\n")
        } else if context.clientVersion == .http10 {
            output.append("Connection: keep-alive\r\n")
        }
        guard method == .trace else {
            output.append("Allow: ")
            for byte in Method.allowed.utf8 { output.append(byte) }
            output.append("\r\nContent-Length: 0\r\n\r\n")
            return
        }
        let parts = reflectedParts(bytes)
        output.append("Content-Type: message/http\r\n")
        output.appendContentLength(UInt64(parts.reduce(2) { $0 + $1.count }))
        output.append("\r\n")
        for part in parts { output.append(contentsOf: bytes.extracting(part)) }
        output.append("\r\n")
    }

    /// The request line and all fields but those that a script in a browser must not get to see.
    private func reflectedParts(_ bytes: RawSpan) -> [Range<Int>] {
        var parts = [start..<fields.tally.start]
        for index in 0..<fields.count {
            let line = fields.lines[index]
            let end = index + 1 < fields.count ? fields.lines[index + 1].start : fields.tally.end
            if !Self.isSecret(bytes, line.name) { parts.append(line.start..<end) }
        }
        return parts
    }

    private static func isSecret(_ bytes: RawSpan, _ name: Range<Int>) -> Bool {
        bytes.equals(name, lowercase: "authorization") || bytes.equals(name, lowercase: "cookie")
            || bytes.equals(name, lowercase: "proxy-authorization")
    }
}
