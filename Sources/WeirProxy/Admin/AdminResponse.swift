// SPDX-License-Identifier: Apache-2.0

internal import WeirCompression
internal import WeirHTTP

/// An answer of the admin listener.
struct AdminResponse: Equatable, Sendable {
    let status: UInt16
    let contentType: String
    private(set) var body: [UInt8]
    var extraFields: [String] = []

    /// A line of text.
    init(_ status: UInt16, _ text: String) {
        self.status = status
        contentType = "text/plain; charset=utf-8"
        body = Array("\(text)\n".utf8)
    }

    /// A page of its own type.
    init(_ status: UInt16, contentType: String, body: [UInt8]) {
        self.status = status
        self.contentType = contentType
        self.body = body
    }

    /// Has the body in gzip where that is asked for.
    ///
    /// - Parameter request: what is answered.
    mutating func negotiate(with request: AdminRequest) {
        extraFields.append("Vary: Accept-Encoding")
        guard request.acceptsGzip, let compressed = Gzip.compress(body, level: 1) else { return }
        body = compressed
        extraFields.append("Content-Encoding: gzip")
    }

    /// The bytes to send.
    ///
    /// - Parameters:
    ///   - request: what is answered: HEAD gets no body (RFC 9110 §9.3.2).
    ///   - date: the time of the answer.
    /// - Returns: head and body.
    func bytes(answering request: AdminRequest, date: String) -> [UInt8] {
        var lines = [
            "HTTP/1.1 \(status) \(StatusCode.reasonPhrase(status))",
            "Date: \(date)",
            "Content-Type: \(contentType)",
            "Content-Length: \(body.count)",
            "Cache-Control: no-store",
        ]
        lines += extraFields
        switch (request.fate, request.version) {
        case (.close, _): lines.append("Connection: close")
        case (.keepAlive, .http10): lines.append("Connection: keep-alive")
        case (.keepAlive, .http11), (.keepAlive, .http2): break
        }
        let head = Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8)
        return request.method == .head ? head : head + body
    }
}
