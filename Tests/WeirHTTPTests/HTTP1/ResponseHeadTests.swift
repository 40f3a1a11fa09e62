// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import WeirHTTP

@Suite("Response head")
struct ResponseHeadTests {
    @Test("reads a small response")
    func readsSmallResponse() {
        let head = ResponseSnapshot("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
        #expect(head.progress == .complete(length: 38))
        #expect(head.status == 200)
        #expect(head.version == .http11)
        #expect(head.framing == .counted(2))
        #expect(head.contentLength == 2)
        #expect(head.persistence == .keepAlive)
        #expect(head.isInterim == false)
    }

    @Test(
        "frames the body (RFC 9112 §6.3)",
        arguments: [
            (200, Method.get, "", MessageFraming.untilClose),
            (200, .get, "Content-Length: 0\r\n", .counted(0)),
            (200, .get, "Content-Length: 5\r\n", .counted(5)),
            (200, .get, "Content-Length: 5, 5\r\n", .counted(5)),
            (200, .get, "Content-Length: 5\r\nContent-Length: 5\r\n", .counted(5)),
            (200, .get, "Transfer-Encoding: Chunked\r\n", .chunked),
            (200, .head, "", .none),
            (200, .head, "Content-Length: 5\r\n", .none),
            (200, .head, "Transfer-Encoding: chunked\r\n", .none),
            (404, .head, "Content-Length: 5\r\n", .none),
            (304, .get, "Content-Length: 5\r\n", .none),
            (304, .get, "Transfer-Encoding: chunked\r\n", .none),
            (204, .get, "", .none),
            (204, .get, "Content-Length: 0\r\n", .none),
            (100, .get, "", .none),
            (103, .post, "", .none),
            (199, .get, "", .none),
            (205, .get, "Content-Length: 0\r\n", .counted(0)),
            (205, .get, "Transfer-Encoding: chunked\r\n", .counted(0)),
            (500, .post, "", .untilClose),
            (599, .post, "Content-Length: 1\r\n", .counted(1)),
        ]
    )
    func framesBody(status: Int, method: Method, fields: String, framing: MessageFraming) {
        let text = TestBytes("HTTP/1.1 \(status) Whatever\r\n\(fields)\r\n")
        #expect(ResponseSnapshot(text, answering: method).framing == framing)
    }

    @Test("knows the length declared also where no body follows (RFC 9110 §8.6)")
    func knowsDeclaredLength() {
        let text: TestBytes = "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"
        #expect(ResponseSnapshot(text).contentLength == 5)
        let silent: TestBytes = "HTTP/1.1 304 Not Modified\r\n\r\n"
        #expect(ResponseSnapshot(silent).contentLength == nil)
    }

    @Test(
        "tells whether upstream keeps the connection (RFC 9112 §9.3)",
        arguments: [
            ("1.1 200", "Content-Length: 1\r\n", ConnectionFate.keepAlive),
            ("1.1 200", "Content-Length: 1\r\nConnection: Close\r\n", .close),
            ("1.1 200", "Content-Length: 1\r\nConnection: keep-alive, close\r\n", .close),
            ("1.1 200", "", .close),
            ("1.1 200", "Connection: keep-alive\r\n", .close),
            ("1.0 200", "Content-Length: 1\r\n", .close),
            ("1.0 200", "Content-Length: 1\r\nConnection: keep-alive\r\n", .keepAlive),
            ("1.0 304", "", .close),
            ("1.1 304", "", .keepAlive),
            ("1.1 204", "Content-Length: 0\r\n", .keepAlive),
            ("1.1 204", "Content-Length: 3\r\n", .close),
            ("1.1 204", "Transfer-Encoding: chunked\r\n", .close),
            ("1.1 205", "Content-Length: 0\r\n", .keepAlive),
            ("1.1 205", "Content-Length: 3\r\n", .close),
            ("1.1 205", "Transfer-Encoding: chunked\r\n", .close),
            ("1.1 205", "", .close),
        ]
    )
    func tellsPersistence(start: String, fields: String, fate: ConnectionFate) {
        let text = TestBytes("HTTP/\(start) X\r\n\(fields)\r\n")
        #expect(ResponseSnapshot(text).persistence == fate)
    }

    static let refusals: [(TestBytes, HeadError)] = [
        ("HTTP/1.1 200\n\n", .malformedStatus),
        ("HTTP/1.1 200\t\r\n\r\n", .malformedStatus),
        ("HTTP/1.1 200OK\r\n\r\n", .malformedStatus),
        ("HTTP/1.1 200\rX\r\n", .bareCarriageReturn),
        ("HTTP/1.1 20\r\n\r\n", .malformedStatus),
        ("HTTP/1.1 20 OK\r\n\r\n", .malformedStatus),
        ("HTTP/1.1 2000 OK\r\n\r\n", .malformedStatus),
        ("HTTP/1.1  200 OK\r\n\r\n", .malformedStatus),
        ("HTTP/1.1 2x0 OK\r\n\r\n", .malformedStatus),
        ("HTTP/1.1 099 OK\r\n\r\n", .malformedStatus),
        ("HTTP/1.1 600 OK\r\n\r\n", .malformedStatus),
        ("HTTP/1.1 999 OK\r\n\r\n", .malformedStatus),
        ("HTTP/1.1\t200 OK\r\n\r\n", .malformedVersion),
        ("HTTP/1.1\n200 OK\r\n\r\n", .bareLineFeed),
        ("HTTP/1.0\n200 OK\r\n\r\n", .bareLineFeed),
        ("HTTP/1.1\r\n\r\n12345", .malformedVersion),
        ("HTTP/1.0\r\n\r\n12345", .malformedVersion),
        ("HTTP/2.0 200 OK\r\n\r\n", .unsupportedVersion),
        ("HTTP/0.9 200 OK\r\n\r\n", .malformedVersion),
        ("http/1.1 200 OK\r\n\r\n", .malformedVersion),
        ("\r\nHTTP/1.1 200 OK\r\n\r\n", .malformedVersion),
        ("ICY 200 OK\r\n\r\n", .malformedVersion),
        ("<html>", .malformedVersion),
        ("HTTP/1.1 200 OK\n\n", .bareLineFeed),
        ("HTTP/1.1 200 O\0K\r\n\r\n", .controlByte),
        ("HTTP/1.1 200 OK\rX\r\n", .bareCarriageReturn),
        ("HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", .lineFolding),
        ("HTTP/1.1 200 OK\r\nA : b\r\n\r\n", .spaceBeforeColon),
        ("HTTP/1.1 200 OK\r\nA: b\nC: d\r\n\r\n", .bareLineFeed),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 05\r\n\r\n",
            .repeatedContentLength
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
            .repeatedContentLength
        ),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5, 05\r\n\r\n", .malformedContentLength),
        ("HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", .malformedContentLength),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
            .transferEncodingWithContentLength
        ),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", .unknownTransferCoding),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\n", .malformedTransferEncoding),
        ("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", .transferEncodingInHTTP10),
        ("HTTP/1.1 200 OK\r\nConnection: a b\r\n\r\n", .malformedConnection),
    ]

    @Test("is refused, and cut anywhere for the same reason", arguments: refusals)
    func refuses(text: TestBytes, error: HeadError) {
        #expect(ResponseSnapshot(text).progress == .refused(error))
        for cut in 0..<text.count {
            let progress = ResponseSnapshot(text.prefix(cut)).progress
            #expect(progress == .incomplete || progress == .refused(error))
        }
    }

    @Test(
        "is incomplete up to its last byte",
        arguments: [
            "HTTP/1.1 200 \r\n\r\n",
            "HTTP/1.1 200\r\n\r\n",
            "HTTP/1.0 404\r\nServer: x\r\n\r\n",
            "HTTP/1.0 404 Not \u{E9}\tFound\r\nServer: x\r\nSet-Cookie: a=b\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer:\r\n\r\n",
        ] as [TestBytes]
    )
    func isIncomplete(text: TestBytes) {
        let whole = ResponseSnapshot(text)
        #expect(whole.progress == .complete(length: text.count))
        for cut in 0..<text.count {
            #expect(ResponseSnapshot(text.prefix(cut)).progress == .incomplete)
        }
        #expect(ResponseSnapshot(text + "HTTP") == whole)
    }

    @Test(
        "has digits only in its status, whatever byte stands there",
        arguments: 0...255 as ClosedRange<UInt8>
    )
    func readsDigitsOnly(byte: UInt8) {
        for place in 9..<12 {
            var text: TestBytes = "HTTP/1.1 234 OK\r\nServer: x\r\n\r\n"
            text.bytes[place] = byte
            let isTaken = place == 9 ? 0x31...0x35 ~= byte : 0x30...0x39 ~= byte
            let progress = ResponseSnapshot(text).progress
            #expect((progress == .complete(length: text.count)) == isTaken)
            #expect(isTaken || progress == .refused(.malformedStatus))
        }
    }

    @Test("is bounded like a request")
    func isBounded() {
        let text: TestBytes = "HTTP/1.1 200 OK\r\nA: b\r\nC: d\r\n\r\n"
        let exact = HeadLimits(headBytes: text.count, fieldCount: 2, targetBytes: 0)
        #expect(ResponseSnapshot(text, limits: exact).progress == .complete(length: text.count))
        let small = HeadLimits(headBytes: text.count - 1, fieldCount: 2, targetBytes: 0)
        #expect(ResponseSnapshot(text, limits: small).progress == .refused(.headTooLong))
        let few = HeadLimits(headBytes: text.count, fieldCount: 1, targetBytes: 0)
        #expect(ResponseSnapshot(text, limits: few).progress == .refused(.tooManyFields))
        for bytes in 1..<text.count {
            let limits = HeadLimits(headBytes: bytes, fieldCount: 2, targetBytes: 0)
            #expect(ResponseSnapshot(text, limits: limits).progress == .refused(.headTooLong))
        }
    }
}
