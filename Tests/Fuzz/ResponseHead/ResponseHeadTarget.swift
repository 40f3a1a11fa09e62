// SPDX-License-Identifier: Apache-2.0

import WeirHTTP

@c(LLVMFuzzerTestOneInput)
public func fuzzResponseHead(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let input = unsafe FuzzInput(start, count: count)
    ResponseHeadTarget(input).check()
    return 0
}

/// What must hold of every response head, whole, torn and forwarded.
struct ResponseHeadTarget {
    let input: FuzzInput
    let limits: HeadLimits
    let method: Method

    init(_ input: FuzzInput) {
        self.input = input
        limits =
            input.has(0)
            ? HeadLimits(
                headBytes: 14 + input.knob,
                fieldCount: input.knob % 8,
                targetBytes: 0
            ) : .response
        method = input.has(1) ? .head : input.has(2) ? .post : .get
    }

    func check() {
        let whole = reading(input.message, limits)
        checkCuts(whole)
        guard case .complete(let length) = whole.progress else { return }
        checkLimits(whole, length: length)
        guard let received = PlainHead(input.message.prefix(length)) else {
            return require(false, "a head was taken that is not made of whole lines")
        }
        checkMeaning(whole, received)
        // What switches protocols is a tunnel, and no message that is forwarded alike.
        if whole.status != 101 {
            ResponseForwarding(input, answering: method, limits: limits, whole, received).check()
        }
    }

    private func reading(_ bytes: [UInt8], _ limits: HeadLimits) -> ResponseReading {
        ResponseReading(bytes, answering: method, limits: limits)
    }

    /// Says all that a head can say, so that any of it may be left when the next is parsed.
    private static let other = Array(
        "HTTP/1.0 299 O\r\nContent-Length: 7\r\nConnection: keep-alive, a\r\nA: b\r\n\r\n".utf8
    )

    /// A head means the same however it is cut, and is never taken back.
    private func checkCuts(_ whole: ResponseReading) {
        var head = ResponseHead(limits: limits)
        _ = ResponseReading(Self.other, answering: method, &head)
        var cuts = input.cuts(of: input.message.count)
        if case .complete(let length) = whole.progress {
            cuts = (cuts + [length - 1, length]).sorted()
        }
        var isDecided = false
        for cut in cuts {
            let front = Array(input.message[..<cut])
            let torn = ResponseReading(front, answering: method, &head)
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
        let again = ResponseReading(input.message, answering: method, &head)
        require(again == whole, "something is left of the head that was parsed before")
    }

    /// The limits are exact: a head that reaches them is taken, and one beyond is refused.
    private func checkLimits(_ whole: ResponseReading, length: Int) {
        let lines = input.message[..<length].split(separator: 0x0A).filter { $0 != [0x0D] }
        var exact = HeadLimits(headBytes: length, fieldCount: lines.count - 1, targetBytes: 0)
        require(reading(input.message, exact) == whole, "an exact limit refuses")
        exact.headBytes -= 1
        let long = reading(input.message, exact).progress
        require(long == .refused(.headTooLong), "a head is over its limit")
        exact.headBytes += 1
        guard exact.fieldCount > 0 else { return }
        exact.fieldCount -= 1
        let many = reading(input.message, exact).progress
        require(many == .refused(.tooManyFields), "there are too many fields")
    }

    /// What is said of the head is what stands in it (RFC 9112 §4, §6.3).
    private func checkMeaning(_ whole: ResponseReading, _ received: PlainHead) {
        let line = received.startLine
        require(received.names(whole.version, in: line.prefix(8)), "the version is another one")
        let status = " \(whole.status)".utf8
        require(line.dropFirst(8).starts(with: status), "the status is another one")
        require(100...599 ~= whole.status, "a status is between 100 and 599")
        require(
            line.count == 12 || line[12] == 0x20,
            "a space follows the status"
        )
        require(
            line.allSatisfy { $0 == 0x09 || $0 >= 0x20 && $0 != 0x7F },
            "a reason phrase has no control bytes"
        )
        let declared = PlainFraming(received)
        require(declared.isClear(whole.version), "an unclear framing was taken")
        require(whole.framing == framing(whole.status, declared), "the framing is another one")
        if case .counted(let length) = declared.value {
            require(whole.contentLength == length, "the declared length is another one")
        }
        let isClosed = received.tokens("connection").contains("close")
        let endsByClose = whole.framing == .untilClose
        require(!isClosed && !endsByClose || whole.persistence == .close, "it must be closed")
    }

    /// RFC 9112 §6.3, in its order.
    private func framing(_ status: UInt16, _ declared: PlainFraming) -> MessageFraming {
        let hasNoBody = method == .head || status < 200 || status == 204 || status == 304
        if hasNoBody { return .none }
        // RFC 9110 §15.3.6: none is read, whatever is declared.
        return status == 205 ? .counted(0) : declared.value ?? .untilClose
    }
}
