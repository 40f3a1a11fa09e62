// SPDX-License-Identifier: Apache-2.0

import WeirHTTP
import WeirHTTP2

@c(LLVMFuzzerTestOneInput)
public func fuzzHTTP2Session(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let input = unsafe FuzzInput(start, count: count)
    HTTP2SessionTarget(input).check()
    return 0
}

/// What must hold of a session, whatever its client sends and however it is answered.
struct HTTP2SessionTarget {
    private let input: FuzzInput
    private let bytes: [UInt8]

    /// One for all runs, as a thread has one for all its connections.
    nonisolated(unsafe) private static let engine = HTTP2Engine(
        limits: HTTP2Limits(headBytes: 2_000)
    )

    /// The preface, SETTINGS with a large window, and the ACK of weir's.
    private static let opening =
        Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)
        + [0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0] + [0, 0, 0, 4, 1, 0, 0, 0, 0]

    init(_ input: FuzzInput) {
        self.input = input
        bytes = (input.has(0) ? [] : Self.opening) + input.message
    }

    func check() {
        guard let engine = unsafe Self.engine,
            var connection = ServedConnection(engine, input)
        else { return require(false, "no memory") }
        var neighbour = input.has(5) ? NeighbourConnection(engine) : nil
        var choices = Choices(input)
        let pieceBytes = input.has(1) ? 1 + input.knob : bytes.count
        var offset = 0
        while offset < bytes.count {
            let end = min(offset + pieceBytes, bytes.count)
            connection.receive(bytes[offset..<end])
            neighbour?.receive()
            // The client's own pace, and sometimes weir's wish to stop.
            let choice = choices.next(64)
            if choice > 8 { connection.write() }
            switch choice {
            case 0: connection.announceEnd()
            case 1: connection.goAway()
            case 2: connection.ping()
            default: break
            }
            offset = end
        }
        connection.answerAll()
        connection.write()
        neighbour?.finish()
    }
}

/// Numbers that are the same for the same input.
struct Choices {
    private var state: UInt64

    init(_ input: FuzzInput) {
        let cuts = input.cuts(of: 65_535)
        state = UInt64(cuts[0]) << 32 | UInt64(cuts[1]) << 8 | UInt64(input.knob)
    }

    /// One below `limit`.
    mutating func next(_ limit: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int(state >> 33) % limit
    }
}
