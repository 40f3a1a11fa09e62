// SPDX-License-Identifier: Apache-2.0

import WeirHTTP

/// All that a parsed request head says, as values that can be compared.
struct RequestReading: Equatable {
    var progress: HeadProgress
    var method: Method
    var version = HTTPVersion.http11
    var target: [UInt8] = []
    var host: [UInt8]?
    var framing = MessageFraming.none
    var persistence = ConnectionFate.close
    var expectsContinue = false
    var offeredProtocols: ProtocolSet?
    var acceptsProblems = false
    var acceptsGzip = false
    var maxForwards: UInt64?
    var requestID: [UInt8]?

    init(_ bytes: [UInt8], limits: HeadLimits) {
        var head = RequestHead(limits: limits)
        self.init(bytes, &head)
    }

    init(_ bytes: [UInt8], _ head: inout RequestHead) {
        progress = head.parse(bytes.span.octets)
        method = head.method
        guard case .complete = progress else { return }
        version = head.version
        target = Array(bytes[head.target])
        host = head.host.map { Array(bytes[$0]) }
        framing = head.framing
        persistence = head.persistence
        expectsContinue = head.expectsContinue
        offeredProtocols = head.offeredProtocols
        acceptsProblems = head.acceptsProblems
        acceptsGzip = head.acceptsGzip(bytes.span.octets)
        maxForwards = head.maxForwards
        requestID = head.requestID(bytes.span.octets).map { Array(bytes[$0]) }
    }
}
