// SPDX-License-Identifier: Apache-2.0

@testable import WeirHTTP

/// All that a parsed response head says, as values that can be compared.
struct ResponseSnapshot: HeadSnapshot {
    var progress: HeadProgress
    var status: UInt16?
    var version: HTTPVersion?
    var framing: MessageFraming?
    var persistence: ConnectionFate?
    var contentLength: UInt64?
    var isInterim: Bool?

    init(_ text: TestBytes, answering method: Method = .get, limits: HeadLimits = .response) {
        var head = ResponseHead(limits: limits)
        self.init(text, answering: method, &head)
    }

    init(_ text: TestBytes, answering method: Method, _ head: inout ResponseHead) {
        progress = text.withSpan { head.parse($0, answering: method) }
        guard case .complete = progress else { return }
        status = head.status
        version = head.version
        framing = head.framing
        persistence = head.persistence
        contentLength = head.contentLength
        isInterim = head.isInterim
    }
}
