// SPDX-License-Identifier: Apache-2.0

import WeirHTTP

@c(LLVMFuzzerTestOneInput)
public func fuzzRequestHead(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let input = unsafe FuzzInput(start, count: count)
    RequestHeadTarget(input).check()
    return 0
}

/// What must hold of every request head, whole, torn and forwarded.
struct RequestHeadTarget {
    let input: FuzzInput
    let limits: HeadLimits

    init(_ input: FuzzInput) {
        self.input = input
        limits =
            input.has(0)
            ? HeadLimits(
                headBytes: 18 + input.knob,
                fieldCount: input.knob % 8,
                targetBytes: 1 + input.knob % 32
            ) : HeadLimits(headBytes: 8192, fieldCount: 100, targetBytes: 2048)
    }

    func check() {
        let whole = RequestReading(input.message, limits: limits)
        checkCuts(whole)
        guard case .complete(let length) = whole.progress else { return }
        checkLimits(whole, length: length)
        let front = input.message.prefix(length)
        guard let received = PlainHead(front.drop { $0 == 0x0D || $0 == 0x0A }) else {
            return require(false, "a head was taken that is not made of whole lines")
        }
        checkMeaning(whole, received)
        RequestForwarding(input, limits: limits, whole, received).check()
    }

    /// Says all that a head can say, so that any of it may be left when the next is parsed.
    private static let other = Array(
        """
        PUT http://other/ HTTP/1.1\r\nHost: o\r\nTransfer-Encoding: chunked\r
        Connection: upgrade, close, a\r\nUpgrade: b\r\nA: c\r\nExpect: 100-continue\r\n\r\n
        """.utf8
    )

    /// A head means the same however it is cut, and is never taken back.
    private func checkCuts(_ whole: RequestReading) {
        var head = RequestHead(limits: limits)
        _ = RequestReading(Self.other, &head)
        var cuts = input.cuts(of: input.message.count)
        if case .complete(let length) = whole.progress {
            cuts = (cuts + [length - 1, length]).sorted()
        }
        var isDecided = false
        for cut in cuts {
            let torn = RequestReading(Array(input.message[..<cut]), &head)
            if torn.progress == .incomplete {
                require(!isDecided, "a head was decided and is incomplete with more bytes")
                require(whole.progress != .complete(length: cut), "a complete head is incomplete")
            } else {
                isDecided = true
                require(torn == whole, "a torn head means something else than the whole one")
            }
            if case .complete(let length) = torn.progress {
                require(cut >= length, "a head is longer than what has come of it")
            }
        }
        let again = RequestReading(input.message, &head)
        require(again == whole, "something is left of the head that was parsed before")
    }

    /// The limits are exact: a head that reaches them is taken, and one beyond is refused.
    private func checkLimits(_ whole: RequestReading, length: Int) {
        let lines = input.message[..<length].split(separator: 0x0A).filter { $0 != [0x0D] }
        var exact = HeadLimits(
            headBytes: length,
            fieldCount: lines.count - 1,
            targetBytes: whole.target.count
        )
        require(RequestReading(input.message, limits: exact) == whole, "an exact limit refuses")
        exact.targetBytes -= 1
        require(progress(exact) == .refused(.targetTooLong), "a target is over its limit")
        exact.targetBytes += 1
        exact.headBytes -= 1
        require(progress(exact) == .refused(.headTooLong), "a head is over its limit")
        exact.headBytes += 1
        guard exact.fieldCount > 0 else { return }
        exact.fieldCount -= 1
        require(progress(exact) == .refused(.tooManyFields), "there are too many fields")
    }

    private func progress(_ limits: HeadLimits) -> HeadProgress {
        RequestReading(input.message, limits: limits).progress
    }

    /// What is said of the head is what stands in it (RFC 9112 §3, §6.3).
    private func checkMeaning(_ whole: RequestReading, _ received: PlainHead) {
        let words = received.startLine.split(separator: 0x20, omittingEmptySubsequences: false)
        require(words.count == 3, "a request line has three parts")
        let method = PlainHead.text(words[0])
        require(words[0].allSatisfy(PlainHead.isToken), "a method is a token")
        require(
            Method.allCases.first { $0.name == method && $0 != .other } ?? .other == whole.method,
            "the method is another one"
        )
        require(Array(words[1]) == whole.target, "the target is another one")
        require(whole.target.allSatisfy { 0x21...0x7E ~= $0 }, "a target is visible ASCII")
        require(received.names(whole.version, in: words[2]), "the version is another one")
        let hosts = received.values("host")
        require(hosts.count == 1 || hosts.isEmpty && whole.version == .http10, "there is one Host")
        let framing = PlainFraming(received)
        require(framing.isClear(whole.version), "an unclear framing was taken")
        require(framing.value ?? .none == whole.framing, "the framing is another one")
        let isClosed = received.tokens("connection").contains("close")
        require(!isClosed || whole.persistence == .close, "close was asked for")
    }
}
