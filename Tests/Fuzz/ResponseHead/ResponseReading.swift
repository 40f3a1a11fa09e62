// SPDX-License-Identifier: Apache-2.0

import WeirHTTP

/// All that a parsed response head says, as values that can be compared.
struct ResponseReading: Equatable {
    var progress: HeadProgress
    var status: UInt16 = 0
    var version = HTTPVersion.http11
    var framing = MessageFraming.none
    var persistence = ConnectionFate.close
    var contentLength: UInt64?

    init(_ bytes: [UInt8], answering method: Method, limits: HeadLimits) {
        var head = ResponseHead(limits: limits)
        self.init(bytes, answering: method, &head)
    }

    init(_ bytes: [UInt8], answering method: Method, _ head: inout ResponseHead) {
        progress = head.parse(bytes.span.octets, answering: method)
        guard case .complete = progress else { return }
        status = head.status
        version = head.version
        framing = head.framing
        persistence = head.persistence
        contentLength = head.contentLength
    }
}
