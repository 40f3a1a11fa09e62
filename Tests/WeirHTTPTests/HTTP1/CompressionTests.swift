// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import WeirHTTP

@Suite("Compression") struct CompressionTests {
    // MARK: What the client accepts (RFC 9110 §12.5.3)

    @Test(
        "is for clients that ask for gzip",
        arguments: [
            ("gzip", true), ("GZip", true), ("x-gzip", true), ("br, gzip", true), ("*", true),
            ("deflate, gzip;q=1.0, *;q=0.5", true), ("gzip ; Q=0.001", true), ("gzip;q=1", true),
            ("gzip;q=1.", true), ("br;q=1, *;q=0.1", true), (", ,gzip,", true),
            ("identity;q=0.5, gzip;q=0.5", true), ("gzip;q=0.5", true), ("gzip\t;\tq=0.8", true),
            ("identity;q=0, *", true), ("identity, gzip", true),
            ("", false), ("br", false), ("identity", false), ("gzip;q=0", false),
            ("gzip;q=0.000", false), ("*;q=0", false), ("gzip;q=0, *", false),
            ("*, gzip;q=0.0", false), ("identity, gzip;q=0.9", false),
            ("identity;q=0.5, *;q=0.4", false), ("gzip, gzip;q=0", false), ("gzipped", false),
            ("deflate", false), ("zip", false),
            // What is no weight is not taken for one.
            ("gzip;q=", false), ("gzip;q=2", false), ("gzip;q=1.001", false),
            ("gzip;q=0.5555", false),
            ("gzip;q=a", false), ("gzip;q=-1", false), ("gzip;level=9", false),
            ("gzip;q=0:5", false),
        ]
    )
    func negotiation(_ value: String, _ isAccepted: Bool) {
        #expect(acceptsGzip("Accept-Encoding: \(value)\r\n") == isAccepted)
    }

    @Test("reads every line of the field, in whatever case, and no other field")
    func lines() {
        #expect(acceptsGzip("accept-encoding: br\r\nACCEPT-ENCODING: gzip\r\n"))
        #expect(!acceptsGzip("Accept-Encoding: gzip\r\nAccept-Encoding: gzip;q=0\r\n"))
        #expect(!acceptsGzip(""))
        #expect(!acceptsGzip("Accept-Encodings: gzip\r\nAccept: gzip\r\nTE: gzip\r\n"))
        // It is for weir alone, and so says nothing of the response (RFC 9110 §7.6.1).
        #expect(!acceptsGzip("Accept-Encoding: gzip\r\nConnection: accept-encoding\r\n"))
    }

    private func acceptsGzip(_ fields: String) -> Bool { ask(fields) { $0.acceptsGzip($1) } }

    private func ask(_ fields: String, _ question: (borrowing RequestHead, RawSpan) -> Bool) -> Bool
    {
        let text = TestBytes("GET / HTTP/1.1\r\nHost: w\r\n\(fields)\r\n")
        var head = RequestHead(
            limits: HeadLimits(headBytes: 4_096, fieldCount: 50, targetBytes: 100)
        )
        return text.withSpan { bytes in
            guard case .complete = head.parse(bytes) else { return false }
            return question(head, bytes)
        }
    }

    // MARK: What the client has already (RFC 9110 §13.1.2)

    @Test(
        "looks for a weak tag among those that the client knows",
        arguments: [
            ("If-None-Match: W/\"a\"\r\n", true), ("if-none-match: \"b\" , W/\"a\"\r\n", true),
            ("If-None-Match: \"b\"\r\nIf-None-Match: W/\"a\"\r\n", true),
            ("If-None-Match: \"a\"\r\n", false), ("If-None-Match: *\r\n", false),
            ("If-None-Match:\r\n", false), ("If-Match: W/\"a\"\r\n", false), ("", false),
        ]
    )
    func weakTags(_ fields: String, _ isKnown: Bool) {
        #expect(ask(fields) { $0.knowsWeakTag($1) } == isKnown)
    }

    @Test(
        "knows a 304 about a strong tag",
        arguments: [
            (304, "ETag: \"a\"\r\n", true), (304, "X: y\r\netag:\"a\"\r\n", true),
            (304, "ETag: W/\"a\"\r\n", false), (304, "", false), (200, "ETag: \"a\"\r\n", false),
            (412, "ETag: \"a\"\r\n", false),
        ]
    )
    func confirmations(_ status: Int, _ fields: String, _ confirms: Bool) {
        let text = TestBytes("HTTP/1.1 \(status) x\r\n\(fields)\r\n")
        var head = ResponseHead(limits: .response)
        let answer = text.withSpan { bytes in
            _ = head.parse(bytes, answering: .get)
            return head.confirmsStrongTag(bytes)
        }
        #expect(answer == confirms)
    }

    // MARK: What may be compressed

    @Test(
        "is for text",
        arguments: [
            ("text/html", true), ("TEXT/Plain; charset=utf-8", true), ("text/event-stream", true),
            ("application/json", true), ("application/problem+json;a=b", true),
            ("image/svg+xml", true), ("application/xhtml+xml", true), ("application/xml", true),
            ("application/javascript", true), ("application/x-ndjson", true),
            ("application/openapi+yaml", true),
            ("image/png", false), ("application/octet-stream", false), ("application/zip", false),
            ("application/gzip", false), ("text/", false), ("text", false), ("", false),
            ("application/jsonp", false), ("application/", false), ("json", false),
            ("multipart/form-data; x=text/html", false), ("video/mp4", false),
        ]
    )
    func types(_ type: String, _ isText: Bool) {
        #expect(isCompressible("Content-Type: \(type)\r\n") == isText)
    }

    @Test(
        "leaves alone what it must",
        arguments: [
            ("", true), ("Content-Encoding: identity\r\n", true), ("Content-Encoding:\r\n", true),
            ("Cache-Control: public, max-age=1\r\n", true),
            ("Content-Encoding: gzip\r\n", false), ("content-encoding: br\r\n", false),
            ("Content-Encoding: identity\r\nContent-Encoding: br\r\n", false),
            ("Cache-Control: no-transform\r\n", false),
            ("Cache-Control: public\r\ncache-control: max-age=1 , No-Transform\r\n", false),
            ("Content-Type: text/plain\r\n", false),
        ]
    )
    func fields(_ fields: String, _ isCompressible: Bool) {
        #expect(self.isCompressible("Content-Type: text/html\r\n\(fields)") == isCompressible)
    }

    @Test("needs a type")
    func untyped() { #expect(!isCompressible("Server: x\r\n")) }

    @Test(
        "needs a whole body that is not small",
        arguments: [
            (200, "Content-Length: 860\r\n", true), (200, "Content-Length: 859\r\n", false),
            (200, "Content-Length: 0\r\n", false), (200, "", true),
            (200, "Transfer-Encoding: chunked\r\n", true), (404, "", true), (500, "", true),
            (201, "", true), (204, "", false), (205, "", false), (206, "", false),
            (304, "", false), (304, "Content-Length: 900\r\n", false), (103, "", false),
        ]
    )
    func bodies(_ status: Int, _ framing: String, _ isCompressible: Bool) {
        let fields = "Content-Type: text/html\r\n\(framing)"
        #expect(self.isCompressible(fields, status: status, length: "") == isCompressible)
        #expect(!self.isCompressible(fields, status: status, length: "", answering: .head))
    }

    private func isCompressible(
        _ fields: String,
        status: Int = 200,
        length: String = "Content-Length: 1000\r\n",
        answering method: Method = .get
    ) -> Bool {
        let text = TestBytes("HTTP/1.1 \(status) x\r\n\(length)\(fields)\r\n")
        var head = ResponseHead(limits: .response)
        return text.withSpan { bytes in
            guard case .complete = head.parse(bytes, answering: method) else { return false }
            return head.isCompressible(bytes)
        }
    }

    // MARK: What its head says then

    @Test(
        "changes the fields that depend on it",
        arguments: [
            (
                "", "Content-Encoding: gzip\r\nVary: Accept-Encoding\r\n",
                "Vary: Accept-Encoding\r\n"
            ),
            (
                "Accept-Ranges: bytes\r\nContent-MD5: x\r\nDigest: a=b\r\nContent-Digest: c\r\n"
                    + "Repr-Digest: d\r\nContent-Encoding: identity\r\n",
                "Content-Encoding: gzip\r\nVary: Accept-Encoding\r\n",
                "Accept-Ranges: bytes\r\nContent-MD5: x\r\nDigest: a=b\r\nContent-Digest: c\r\n"
                    + "Repr-Digest: d\r\nContent-Encoding: identity\r\nVary: Accept-Encoding\r\n"
            ),
            (
                "ETag:\"a b\"\r\n",
                "Content-Encoding: gzip\r\nETag: W/\"a b\"\r\nVary: Accept-Encoding\r\n",
                "ETag:\"a b\"\r\nVary: Accept-Encoding\r\n"
            ),
            (
                "etag: W/\"a\"\r\n",
                "etag: W/\"a\"\r\nContent-Encoding: gzip\r\nVary: Accept-Encoding\r\n",
                "etag: W/\"a\"\r\nVary: Accept-Encoding\r\n"
            ),
            (
                "ETag: a\r\nETag: \"b\"\r\nETag: \"c\"\r\n",
                "Content-Encoding: gzip\r\nETag: W/\"b\"\r\nVary: Accept-Encoding\r\n",
                "ETag: a\r\nETag: \"b\"\r\nETag: \"c\"\r\nVary: Accept-Encoding\r\n"
            ),
            (
                "Vary:Cookie\r\nVary:\r\nvary: Origin, Host\r\n",
                "Content-Encoding: gzip\r\nVary: Cookie, Origin, Host, Accept-Encoding\r\n",
                "Vary: Cookie, Origin, Host, Accept-Encoding\r\n"
            ),
            (
                "Vary: Cookie\r\nVary: ACCEPT-encoding\r\n",
                "Vary: Cookie\r\nVary: ACCEPT-encoding\r\nContent-Encoding: gzip\r\n",
                "Vary: Cookie\r\nVary: ACCEPT-encoding\r\n"
            ),
            ("Vary: *\r\n", "Vary: *\r\nContent-Encoding: gzip\r\n", "Vary: *\r\n"),
        ]
    )
    func heads(_ fields: String, _ compressed: String, _ declined: String) {
        #expect(forwarded(fields, .gzip) == compressed)
        #expect(forwarded(fields, .declined) == declined)
        #expect(forwarded(fields, .none) == fields)
        let remembered = compressed.replacing("Content-Encoding: gzip\r\n", with: "")
        #expect(forwarded(fields, .remembered) == remembered)
    }

    @Test("never outgrows the room that is promised for it")
    func room() {
        var head = ResponseHead(limits: .response)
        let text: TestBytes = "HTTP/1.0 200\r\nETag:\"\"\r\nVary:a\r\n\r\n"
        _ = text.withSpan { head.parse($0, answering: .get) }
        text.withSpan { head.prepare(for: .gzip, $0) }
        let context = ResponseContext(
            framing: .counted(.max),
            fate: .keepAlive,
            clientVersion: .http10,
            date: HTTPDate(unixSeconds: 0),
            compression: .gzip
        )
        let output = written { output in
            text.withSpan { head.writeForwarded(from: $0, into: &output, context: context) }
        }
        #expect(output.utf8.count - text.count <= ResponseHead.forwardedOverheadBytes)
    }

    /// The fields as they go on, without those of every response.
    private func forwarded(_ fields: String, _ compression: Compression) -> String? {
        let start = "HTTP/1.1 200 OK\r\nDate: now\r\n"
        let text = TestBytes("\(start)\(fields)Content-Length: 1000\r\n\r\n")
        var head = ResponseHead(limits: .response)
        let progress = text.withSpan { head.parse($0, answering: .get) }
        guard case .complete(let length) = progress else { return nil }
        text.withSpan { head.prepare(for: compression, $0) }
        let context = ResponseContext(
            framing: .chunked,
            fate: .keepAlive,
            clientVersion: .http11,
            date: HTTPDate(unixSeconds: 0),
            compression: compression
        )
        let output = written(capacity: length + ResponseHead.forwardedOverheadBytes) { output in
            text.withSpan { head.writeForwarded(from: $0, into: &output, context: context) }
        }
        let framing = "Transfer-Encoding: chunked\r\n"
        guard output.hasPrefix(start), output.hasSuffix("\r\n\r\n") else { return nil }
        let kept = String(output.dropFirst(start.count).dropLast())
        return kept.replacing(framing, with: "")
    }
}
