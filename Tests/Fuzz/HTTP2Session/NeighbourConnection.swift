// SPDX-License-Identifier: Apache-2.0

import WeirHTTP2

/// Another connection of the same thread, whose client sends a byte at a time meanwhile.
struct NeighbourConnection: ~Copyable {
    private let engine: HTTP2Engine
    private var session: HTTP2Session
    private var offset: Int
    private var isServed = false

    private static let opening =
        Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + [0, 0, 0, 4, 0, 0, 0, 0, 0]
    /// HEADERS with a cookie in two crumbs, around a field.
    private static let request: [UInt8] =
        [0, 0, 25, 1, 5, 0, 0, 0, 1, 0x82, 0x86, 0x84, 0x41, 1, 0x68, 0, 6]
        + Array("cookie".utf8) + [1, 0x61, 0x40, 1, 0x62, 1, 0x63, 0x0F, 17, 1, 0x61]
    private static let head = Array(
        "GET / HTTP/1.1\r\nHost: h\r\nb: c\r\ncookie: a; a\r\n\r\n".utf8
    )

    init?(_ engine: HTTP2Engine) {
        guard let session = HTTP2Session(engine) else { return nil }
        self.engine = engine
        self.session = session
        offset = 0
        unsafe self.session.receive(Self.opening.span.bytes, at: 0)
        engine.forgetEvents()
    }

    mutating func receive() {
        guard offset < Self.request.count else { return }
        let byte = [Self.request[offset]]
        unsafe session.receive(byte.span.bytes, at: 0)
        offset += 1
        for position in 0..<engine.eventCount {
            guard case .head(_, let text) = engine.event(position) else { continue }
            isServed = true
            engine.read(text) { bytes in
                require(ServedStream.copy(bytes) == Self.head, "a neighbour's head is another")
            }
        }
        engine.forgetEvents()
    }

    mutating func finish() {
        while offset < Self.request.count { receive() }
        require(isServed, "a neighbour is not served")
    }
}
