// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import WeirHTTP

/// Each row is a request line or field lines, and why it is refused.
@Suite("Request refusals")
struct RequestRefusalTests {
    static let lines: [(TestBytes, HeadError)] = [
        ("GET / HTTP/1.1\n", .bareLineFeed),
        ("\nGET / HTTP/1.1\r\n", .bareLineFeed),
        ("\rGET / HTTP/1.1\r\n", .bareCarriageReturn),
        ("GET / HTTP/1.1\rX", .bareCarriageReturn),
        (" GET / HTTP/1.1\r\n", .malformedMethod),
        ("G(T / HTTP/1.1\r\n", .malformedMethod),
        ("G\0T / HTTP/1.1\r\n", .malformedMethod),
        ("GÉT / HTTP/1.1\r\n", .malformedMethod),
        ("GET\t/ HTTP/1.1\r\n", .malformedMethod),
        ("GET\r\n", .malformedMethod),
        ("GET\n", .bareLineFeed),
        ("ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG / HTTP/1.1\r\n", .methodTooLong),
        ("CONNECT a:1 HTTP/1.1\r\n", .connectMethod),
        ("CONNECT / HTTP/1.1\r\n", .connectMethod),
        ("GET  / HTTP/1.1\r\n", .malformedTarget),
        ("GET /\t HTTP/1.1\r\n", .malformedTarget),
        ("GET /\0 HTTP/1.1\r\n", .malformedTarget),
        ("GET /\u{7F} HTTP/1.1\r\n", .malformedTarget),
        ("GET /é HTTP/1.1\r\n", .malformedTarget),
        ("GET /a#b HTTP/1.1\r\n", .malformedTarget),
        ("GET a HTTP/1.1\r\n", .malformedTarget),
        ("GET a:80 HTTP/1.1\r\n", .malformedTarget),
        ("GET * HTTP/1.1\r\n", .malformedTarget),
        ("OPTIONS ** HTTP/1.1\r\n", .malformedTarget),
        ("OPTIONS *?a HTTP/1.1\r\n", .malformedTarget),
        ("GET ?a HTTP/1.1\r\n", .malformedTarget),
        ("GET ftp://a/ HTTP/1.1\r\n", .malformedTarget),
        ("GET http:/a HTTP/1.1\r\n", .malformedTarget),
        ("GET http:// HTTP/1.1\r\n", .malformedTarget),
        ("GET http:///a HTTP/1.1\r\n", .malformedTarget),
        ("GET http://:80/ HTTP/1.1\r\n", .malformedTarget),
        ("GET http://u@a/ HTTP/1.1\r\n", .malformedTarget),
        ("GET http://a:65536/ HTTP/1.1\r\n", .malformedTarget),
        ("GET http://a\\b/ HTTP/1.1\r\n", .malformedTarget),
        ("GET /\r\n", .malformedVersion),
        ("GET /\n", .bareLineFeed),
        ("GET / \r\n", .malformedVersion),
        ("GET / HTTP\r\n", .malformedVersion),
        ("GET / HTTP/1\r\n", .malformedVersion),
        ("GET / HTTP/1.\r\n", .malformedVersion),
        ("GET / http/1.1\r\n", .malformedVersion),
        ("GET / HTTP/1.1 \r\n", .malformedVersion),
        ("GET /  HTTP/1.1\r\n", .malformedVersion),
        ("GET / b HTTP/1.1\r\n", .malformedVersion),
        ("GET / HTTP/1,1\r\n", .malformedVersion),
        ("GET / HTTP/01.1\r\n", .malformedVersion),
        ("GET / HTTP/1.10\r\n", .malformedVersion),
        ("GET / HTTP/0.9\r\n", .malformedVersion),
        ("GET / HTTP/+1.1\r\n", .malformedVersion),
        ("GET / HTTP/2.0\r\n", .unsupportedVersion),
        ("GET / HTTP/9.9\r\n", .unsupportedVersion),
    ]

    @Test("of the request line (RFC 9112 §3)", arguments: lines)
    func refusesLine(line: TestBytes, error: HeadError) {
        #expect(RequestSnapshot(line + "Host: h\r\n\r\n").progress == .refused(error))
    }

    static let fields: [(TestBytes, HeadError)] = [
        ("A: b\n", .bareLineFeed),
        ("A: b\r\n\nX", .bareLineFeed),
        ("A: b\rc\r\n", .bareCarriageReturn),
        ("A: b\r\r\n", .bareCarriageReturn),
        ("\rA: b\r\n", .bareCarriageReturn),
        ("A: \0\r\n", .controlByte),
        ("A: \u{1}\r\n", .controlByte),
        ("A: b\u{B}c\r\n", .controlByte),
        ("A: \u{7F}\r\n", .controlByte),
        (": b\r\n", .malformedFieldName),
        ("A\r\n", .malformedFieldName),
        ("A(b): c\r\n", .malformedFieldName),
        ("A\"b: c\r\n", .malformedFieldName),
        ("A/b: c\r\n", .malformedFieldName),
        ("É: c\r\n", .malformedFieldName),
        ("A\0: c\r\n", .malformedFieldName),
        ("A : b\r\n", .spaceBeforeColon),
        ("A\t: b\r\n", .spaceBeforeColon),
        ("A b: c\r\n", .spaceBeforeColon),
        ("Transfer-Encoding : chunked\r\n", .spaceBeforeColon),
        (" A: b\r\n", .lineFolding),
        ("\tA: b\r\n", .lineFolding),
        ("A: b\r\n c\r\n", .lineFolding),
        ("A: b\r\n\tc\r\n", .lineFolding),
        ("Host: h\r\n", .repeatedHost),
        ("host: other\r\n", .repeatedHost),
        ("Content-Length:\r\n", .malformedContentLength),
        ("Content-Length: +5\r\n", .malformedContentLength),
        ("Content-Length: -5\r\n", .malformedContentLength),
        ("Content-Length: 0x5\r\n", .malformedContentLength),
        ("Content-Length: 5 5\r\n", .malformedContentLength),
        ("Content-Length: 5, 05\r\n", .malformedContentLength),
        ("Content-Length: 5,\r\n", .malformedContentLength),
        ("Content-Length: ,5\r\n", .malformedContentLength),
        ("Content-Length: 5,,5\r\n", .malformedContentLength),
        ("Content-Length: a, a\r\n", .malformedContentLength),
        ("Content-Length: 5,6\r\n", .malformedContentLength),
        ("Content-Length: 5;\r\n", .malformedContentLength),
        ("Content-Length: 5.0\r\n", .malformedContentLength),
        ("Content-Length: ５\r\n", .malformedContentLength),
        ("Content-Length: 9223372036854775808\r\n", .malformedContentLength),
        ("Content-Length: 18446744073709551621\r\n", .malformedContentLength),
        ("Content-Length: 5\r\nContent-Length: 05\r\n", .repeatedContentLength),
        ("Content-Length: 5\r\nContent-Length: 6\r\n", .repeatedContentLength),
        ("Content-Length: 5\r\nContent-Length: 5, 6\r\n", .repeatedContentLength),
        ("Content-Length: 5\r\nContent-Length:\r\n", .repeatedContentLength),
        ("Content-Length: x\r\nContent-Length: x\r\n", .malformedContentLength),
        (
            "Content-Length: 5\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            .transferEncodingWithContentLength
        ),
        ("Transfer-Encoding:\r\n", .malformedTransferEncoding),
        ("Transfer-Encoding: ,chunked\r\n", .malformedTransferEncoding),
        ("Transfer-Encoding: chunked,\r\n", .malformedTransferEncoding),
        ("Transfer-Encoding: chunked, chunked\r\n", .malformedTransferEncoding),
        ("Transfer-Encoding: chunked, gzip\r\n", .malformedTransferEncoding),
        ("Transfer-Encoding: chunked;q=1\r\n", .malformedTransferEncoding),
        ("Transfer-Encoding: \"chunked\"\r\n", .malformedTransferEncoding),
        ("Transfer-Encoding: identity\r\n", .malformedTransferEncoding),
        ("Transfer-Encoding: identity, chunked\r\n", .malformedTransferEncoding),
        ("Transfer-Encoding: chunked identity\r\n", .malformedTransferEncoding),
        ("Transfer-Encoding: chu nked\r\n", .malformedTransferEncoding),
        ("Transfer-Encoding: \u{B}chunked\r\n", .controlByte),
        ("Transfer-Encoding: gzip\r\n", .unknownTransferCoding),
        ("Transfer-Encoding: xchunked\r\n", .unknownTransferCoding),
        ("Transfer-Encoding: chunke\r\n", .unknownTransferCoding),
        ("Transfer-Encoding: gzip, chunked\r\n", .unknownTransferCoding),
        (
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            .repeatedTransferEncoding
        ),
        ("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", .repeatedTransferEncoding),
        (
            "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
            .transferEncodingWithContentLength
        ),
        ("Content-Length: 5\r\nTransfer-Encoding: gzip\r\n", .transferEncodingWithContentLength),
        ("Connection: a b\r\n", .malformedConnection),
        ("Connection: close;q\r\n", .malformedConnection),
        ("Connection: \"close\"\r\n", .malformedConnection),
        ("Expect: 200-ok\r\n", .unmetExpectation),
        ("Expect:\r\n", .unmetExpectation),
        ("Expect: 100-continue\r\nExpect: x\r\n", .unmetExpectation),
    ]

    @Test("of the fields (RFC 9112 §5, §6)", arguments: fields)
    func refusesFields(fields: TestBytes, error: HeadError) {
        let start: TestBytes = "POST / HTTP/1.1\r\nHost: h\r\n"
        #expect(RequestSnapshot(start + fields + "\r\n").progress == .refused(error))
    }

    @Test(
        "of transfer codings in HTTP/1.0 (RFC 9112 §6.1)",
        arguments: ["chunked", "gzip", "identity"]
    )
    func refusesCodingInHTTP10(coding: String) {
        let text = TestBytes("POST / HTTP/1.0\r\nTransfer-Encoding: \(coding)\r\n\r\n")
        #expect(RequestSnapshot(text).progress == .refused(.transferEncodingInHTTP10))
    }

    @Test(
        "of a TRACE with a body (RFC 9110 §9.3.8)",
        arguments: ["Content-Length: 1", "Transfer-Encoding: chunked"]
    )
    func refusesTraceWithBody(field: String) {
        let text = TestBytes("TRACE / HTTP/1.1\r\nHost: h\r\n\(field)\r\n\r\n")
        #expect(RequestSnapshot(text).progress == .refused(.traceWithBody))
    }

    @Test("of a host that is not there (RFC 9112 §3.2)", arguments: ["/", "http://a/"])
    func refusesMissingHost(target: String) {
        let text = TestBytes("GET \(target) HTTP/1.1\r\nA: b\r\n\r\n")
        #expect(RequestSnapshot(text).progress == .refused(.missingHost))
        let older = TestBytes("GET \(target) HTTP/1.0\r\nA: b\r\n\r\n")
        #expect(RequestSnapshot(older).progress == .complete(length: older.count))
    }

    @Test("have a status, a word and a sentence", arguments: HeadError.allCases)
    func explain(error: HeadError) {
        #expect([400, 405, 414, 417, 431, 501, 502, 505].contains(error.status))
        #expect(error.reason.utf8.allSatisfy { $0 == 0x5F || 0x61...0x7A ~= $0 })
        #expect(error.explanation.utf8.count > 20)
    }

    @Test("have few words, and no sentence twice")
    func areFew() {
        #expect(Set(HeadError.allCases.map(\.reason)).count <= 23)
        #expect(Set(HeadError.allCases.map(\.explanation)).count == HeadError.allCases.count)
    }
}
