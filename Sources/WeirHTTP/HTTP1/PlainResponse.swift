// SPDX-License-Identifier: Apache-2.0

/// A whole response made by weir itself: one line of text that says what went wrong.
public struct PlainResponse: Sendable {
    /// Room for any such response.
    public static var bytesMax: Int { 1024 }
    /// What is left out of an explanation beyond it is not missed.
    private static var explanationBytesMax: Int { 512 }

    public var status: UInt16
    /// A short sentence, ASCII, without an end of line.
    public var explanation: String
    /// The method of the request: a HEAD gets no body (RFC 9110 §9.3.2).
    public var method: Method
    public var fate: ConnectionFate
    public var clientVersion: HTTPVersion
    public var date: HTTPDate
    /// When to try again (RFC 9110 §10.2.3).
    public var retryAfterSeconds: UInt32?

    public init(
        status: UInt16,
        explanation: String,
        answering method: Method,
        fate: ConnectionFate,
        clientVersion: HTTPVersion = .http11,
        date: HTTPDate,
        retryAfterSeconds: UInt32? = nil
    ) {
        self.status = status
        self.explanation = explanation
        self.method = method
        self.fate = fate
        self.clientVersion = clientVersion
        self.date = date
        self.retryAfterSeconds = retryAfterSeconds
    }

    /// Writes the response.
    ///
    /// - Parameter output: must have room for ``bytesMax``.
    @_lifetime(output: copy output)
    public func write(into output: inout OutputRawSpan) {
        let phrase = StatusCode.reasonPhrase(status)
        output.append("HTTP/1.1 ")
        output.append(decimal: UInt64(status))
        output.append(" ")
        output.append(phrase)
        output.append("\r\nDate: ")
        date.write(into: &output)
        output.append("\r\nContent-Type: text/plain; charset=utf-8\r\n")
        let explanationBytes = min(explanation.utf8.count, Self.explanationBytesMax)
        // "503 ", phrase, ": ", explanation, newline.
        let length = 4 + phrase.utf8CodeUnitCount + 2 + explanationBytes + 1
        output.appendContentLength(UInt64(length))
        if status == 405 {
            // RFC 9110 §15.5.6 asks for it. Only CONNECT is refused whatever the target.
            output.append("Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, TRACE\r\n")
        }
        if let retryAfterSeconds {
            output.append("Retry-After: ")
            output.append(decimal: UInt64(retryAfterSeconds))
            output.append("\r\n")
        }
        if fate == .close {
            output.append("Connection: close\r\n")
        } else if clientVersion == .http10 {
            output.append("Connection: keep-alive\r\n")
        }
        output.append("\r\n")
        if method == .head { return }
        output.append(decimal: UInt64(status))
        output.append(" ")
        output.append(phrase)
        output.append(": ")
        for byte in explanation.utf8.prefix(explanationBytes) { output.append(byte) }
        output.append("\n")
    }
}
