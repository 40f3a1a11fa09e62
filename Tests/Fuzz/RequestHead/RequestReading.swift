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
    var upgradeRequested = false

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
        upgradeRequested = head.upgradeRequested
    }
}
