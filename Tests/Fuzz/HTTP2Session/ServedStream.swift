// SPDX-License-Identifier: Apache-2.0

import WeirHTTP
import WeirHTTP2

/// One stream as its owner knows it: what has happened on it, in the only order that makes sense.
struct ServedStream {
    /// When an answer may be given.
    enum Moment {
        case atHead, atEnd
    }

    private enum Request {
        case body, trailers, ended
    }

    let handle: StreamHandle
    var reading = Reading()
    private var request = Request.body
    private var received = 0
    /// Bytes of the request's body that the client has not been told of.
    var untaken = 0
    /// Bytes of the response's body that were offered and not written.
    var offered = 0
    var isAnswered = false
    var isEnded = false
    private var isResponseWritten = false
    private(set) var isClosed = false

    init(_ handle: StreamHandle) { self.handle = handle }

    mutating func take(_ count: Int) {
        require(!isClosed && request == .body, "a body comes behind its end")
        require(count > 0, "an empty body is told of")
        received += count
        untaken += count
    }

    mutating func takeTrailers() {
        require(!isClosed && request == .body, "trailers come twice, or behind the end")
        request = .trailers
    }

    /// The body is as long as the head has said: nothing of it can be read as another request.
    mutating func endRequest() {
        require(!isClosed && request != .ended, "a request ends twice")
        request = .ended
        guard reading.isComplete, !reading.isUpgrade else { return }
        switch reading.framing {
        case .none: require(received == 0, "there is a body that the head has not")
        case .counted(let length): require(received == Int(length), "a body has another length")
        case .chunked, .untilClose: break
        }
    }

    mutating func endResponse() {
        require(!isClosed && !isResponseWritten && isAnswered, "a response ends that must not")
        isResponseWritten = true
    }

    mutating func close() {
        require(!isClosed, "a stream is closed twice")
        isClosed = true
        untaken = 0
    }

    mutating func write(_ count: Int) {
        require(!isClosed && !isResponseWritten && isAnswered, "a body is written that must not")
        require(count <= offered, "more is written than was offered")
        offered -= count
    }

    /// What the strict parser makes of a head.
    struct Reading {
        private(set) var isComplete = false
        private(set) var isHead = false
        private(set) var isUpgrade = false
        private(set) var framing = MessageFraming.none

        init() {}

        init(_ bytes: RawSpan) {
            var head = RequestHead(
                limits: HeadLimits(headBytes: 65_535, fieldCount: 256, targetBytes: 65_535)
            )
            switch head.parse(bytes) {
            case .incomplete: require(false, "a head has no end")
            case .refused: break
            case .complete(let length):
                require(length == bytes.byteCount, "something stands behind a head")
                require(head.host != nil, "there is no Host")
                isComplete = true
                isHead = head.method == .head
                isUpgrade = !head.offeredProtocols.isEmpty
                framing = head.framing
            }
        }
    }

    static func copy(_ bytes: RawSpan) -> [UInt8] {
        unsafe bytes.withUnsafeBytes { unsafe Array($0) }
    }
}

/// What a fake upstream says.
enum ResponseTexts {
    static let interim = [
        "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 103 Early Hints\r\nLink: a\r\nB: c\r\n\r\nrest",
    ].map { Array($0.utf8) }

    static let final = [
        "HTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\nServer: x\r\nConnection: close\r\n\r\nrest",
        "HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\nA: \t b \r\nSet-Cookie: c\r\n\r\n",
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\nContent-Length: 7\r\n\r\n",
        "HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation:/\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    ].map { Array($0.utf8) }

    /// More than a frame holds.
    static let large = Array(
        ("HTTP/1.1 200 OK\r\nA: " + String(repeating: "~", count: 17_000) + "\r\n\r\n").utf8
    )

    static let trailers = ["", "A: b\r\n", "Connection: close\r\n", "A:\r\nGrpc-Status: 0\r\n"]
        .map { Array($0.utf8) }

    static let sizes = [0, 1, 1, 10, 10, 100, 100, 1_000, 1_000, 1_000, 16_384, 20_000, 70_000]
}
