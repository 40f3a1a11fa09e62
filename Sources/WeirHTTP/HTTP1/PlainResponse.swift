// SPDX-License-Identifier: Apache-2.0

/// A whole response made by weir itself, which says what went wrong.
public struct PlainResponse: Sendable {
    /// Room for any such response.
    public static var bytesMax: Int { 2048 }
    /// What is left out of an explanation beyond it is not missed.
    private static var explanationBytesMax: Int { 512 }

    public var status: UInt16
    /// One word for the cause.
    public var reason: String
    /// A short sentence, ASCII, without an end of line, quotes or backslashes.
    public var explanation: String
    public var format: ErrorFormat
    /// The method of the request: a HEAD gets no body (RFC 9110 §9.3.2).
    public var method: Method
    public var fate: ConnectionFate
    public var clientVersion: HTTPVersion
    public var date: HTTPDate
    /// The request's id, of the bytes that ``RequestID`` allows.
    public var requestID: String
    /// When to try again (RFC 9110 §10.2.3).
    public var retryAfterSeconds: UInt32?

    public init(
        status: UInt16,
        reason: String,
        explanation: String,
        format: ErrorFormat = .text,
        answering method: Method,
        fate: ConnectionFate,
        clientVersion: HTTPVersion = .http11,
        date: HTTPDate,
        requestID: String,
        retryAfterSeconds: UInt32? = nil
    ) {
        self.status = status
        self.reason = reason
        self.explanation = explanation
        self.format = format
        self.method = method
        self.fate = fate
        self.clientVersion = clientVersion
        self.date = date
        self.requestID = requestID
        self.retryAfterSeconds = retryAfterSeconds
    }

    /// Writes the response.
    ///
    /// - Parameter output: must have room for ``bytesMax``.
    @_lifetime(output: copy output)
    public func write(into output: inout OutputRawSpan) {
        let content = self.content
        for byte in head(contentBytes: content.utf8.count).utf8 { output.append(byte) }
        guard method != .head else { return }
        for byte in content.utf8 { output.append(byte) }
    }

    /// Writes the interim response that asks a client for its content (RFC 9110 §15.2.1).
    @_lifetime(output: copy output)
    public static func writeContinue(into output: inout OutputRawSpan) {
        output.append("HTTP/1.1 100 Continue\r\n\r\n")
    }

    private func head(contentBytes: Int) -> String {
        var lines = [
            "HTTP/1.1 \(status) \(StatusCode.reasonPhrase(status))",
            "Date: \(date)",
            "Content-Type: \(contentType)",
            "Content-Length: \(contentBytes)",
            "X-Request-ID: \(requestID)",
        ]
        // RFC 9110 §15.5.6 asks for it. Only CONNECT is refused whatever the target.
        if status == 405 { lines.append("Allow: \(Method.allowed)") }
        if let retryAfterSeconds { lines.append("Retry-After: \(retryAfterSeconds)") }
        switch (fate, clientVersion) {
        case (.close, _): lines.append("Connection: close")
        case (.keepAlive, .http10): lines.append("Connection: keep-alive")
        case (.keepAlive, .http11), (.keepAlive, .http2): break
        }
        return lines.joined(separator: "\r\n") + "\r\n\r\n"
    }

    private var contentType: String {
        switch format {
        case .text: "text/plain; charset=utf-8"
        case .problem: "application/problem+json"
        }
    }

    private var content: String {
        let detail = String(explanation.prefix(Self.explanationBytesMax))
        let title = StatusCode.reasonPhrase(status)
        return switch format {
        case .text: "\(status) \(title): \(detail)\n"
        case .problem:
            // Nothing in it needs an escape.
            """
            {"type":"about:blank","title":"\(title)","status":\(status),"detail":"\(detail)",\
            "reason":"\(reason)","request_id":"\(requestID)"}

            """
        }
    }
}
