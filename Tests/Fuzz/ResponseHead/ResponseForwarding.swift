// SPDX-License-Identifier: Apache-2.0

import WeirHTTP

/// What must hold of a response head as it goes to the client.
struct ResponseForwarding {
    private let input: FuzzInput
    private let method: Method
    private let limits: HeadLimits
    private let whole: ResponseReading
    private let received: PlainHead
    private let context: ResponseContext

    /// What concerns one connection only, and what weir writes anew or adds.
    private static let managedNames: Set = [
        "connection", "keep-alive", "proxy-connection", "te", "trailer", "upgrade",
        "transfer-encoding", "content-length", "date", "close",
    ]
    private static let droppedNames: Set = [
        "keep-alive", "proxy-connection", "te", "trailer", "upgrade", "close",
    ]
    /// Fields with a meaning of their own, and those meant for the recipient, stay where
    /// `Connection` names them.
    private static let protectedNames: Set = [
        "accept", "authorization", "cache-control", "content-encoding", "content-type", "cookie",
        "expect", "forwarded", "host", "max-forwards", "proxy", "set-cookie", "traceparent",
        "tracestate", "via", "x-request-id", "x-request-start",
    ]

    init(
        _ input: FuzzInput,
        answering method: Method,
        limits: HeadLimits,
        _ whole: ResponseReading,
        _ received: PlainHead
    ) {
        self.input = input
        self.method = method
        self.limits = limits
        self.whole = whole
        self.received = received
        let version = input.has(3) ? HTTPVersion.http10 : .http11
        context = ResponseContext(
            framing: Self.framing(whole, version),
            fate: input.has(4) ? .close : .keepAlive,
            clientVersion: version,
            date: HTTPDate(unixSeconds: 784_111_777)
        )
    }

    /// As the proxy does it: chunked where there is no length, for those who can read it.
    private static func framing(
        _ whole: ResponseReading,
        _ version: HTTPVersion
    ) -> MessageFraming {
        switch whole.framing {
        case .none, .counted: whole.framing
        case .chunked, .untilClose: version == .http11 ? .chunked : .untilClose
        }
    }

    func check() {
        let bytes = forwarded(input.message, limits: limits)
        guard let sent = PlainHead(bytes) else {
            return require(false, "the forwarded head is not made of whole lines")
        }
        require(kept(sent) == kept(received), "the fields that pass do not pass as they came")
        checkFields(sent)
        let all = HeadLimits(headBytes: 65_535, fieldCount: 256, targetBytes: 0)
        let reading = ResponseReading(bytes, answering: method, limits: all)
        if received.fields.count < 253 {
            require(reading.progress == .complete(length: bytes.count), "weir refuses its own head")
        }
        guard case .complete = reading.progress else { return }
        require(reading.status == whole.status, "the status has changed")
        require(reading.version == .http11, "the version is not that of weir")
        require(isSame(reading.framing), "the framing is not the one asked for")
        if !isInterim {
            let closes = context.fate == .close || context.framing == .untilClose
            require((reading.persistence == .close) == closes, "the fate is not the one asked for")
        }
        if whole.framing == .none, !isInterim, whole.status != 204 {
            require(
                reading.contentLength == whole.contentLength,
                "the length of a body that is not sent has changed"
            )
        }
        checkAgain(sent, PlainHead(forwarded(bytes, limits: all)))
        if !isInterim, received.fields.count < 250 {
            checkCompressed(.declined, all)
            checkCompressed(.gzip, all)
            checkCompressed(.remembered, all)
        }
    }

    /// What is different about a compressed body has room and is said once, whatever upstream says.
    private func checkCompressed(_ compression: Compression, _ all: HeadLimits) {
        let bytes = forwarded(input.message, limits: limits, compression)
        guard let sent = PlainHead(bytes) else {
            return require(false, "the head of a compressed body is not made of whole lines")
        }
        require(
            !sent.tokens("vary").isDisjoint(with: ["*", "accept-encoding"]),
            "caches do not learn that the body depends on the client"
        )
        if compression == .gzip {
            require(sent.tokens("content-encoding") == ["gzip"], "the coding is not the one given")
        }
        if compression != .declined {
            require(sent.values("etag").allSatisfy { $0.starts(with: Array("W/".utf8)) }, "strong")
        }
        guard let again = PlainHead(forwarded(bytes, limits: all, compression)) else {
            return require(false, "weir refuses its own head of a compressed body")
        }
        require(
            again.fields.count == sent.fields.count
                && sent.fields.allSatisfy(again.fields.contains),
            "the head of a compressed body changes when compressed again"
        )
    }

    /// Forwarding what was forwarded changes nothing but the place of what weir has added.
    private func checkAgain(_ sent: PlainHead, _ again: PlainHead?) {
        guard let again else {
            return require(false, "the head forwarded twice is not made of whole lines")
        }
        require(again.startLine == sent.startLine, "the status line changes when sent again")
        require(kept(again) == kept(sent), "the fields change when forwarded again")
        require(
            again.fields.count == sent.fields.count
                && sent.fields.allSatisfy(again.fields.contains),
            "what weir adds changes when forwarded again"
        )
    }

    private var isInterim: Bool { whole.status < 200 }

    /// The head as it goes to the client, in an allocation of just the room that is asked for.
    private func forwarded(
        _ bytes: [UInt8],
        limits: HeadLimits,
        _ compression: Compression = .none
    ) -> [UInt8] {
        var head = ResponseHead(limits: limits)
        let progress = head.parse(bytes.span.octets, answering: method)
        guard case .complete(let length) = progress else { return [] }
        _ = head.isCompressible(bytes.span.octets)
        head.prepare(for: compression, bytes.span.octets)
        var context = context
        context.compression = compression
        return written(capacity: length + ResponseHead.forwardedOverheadBytes) { output in
            head.writeForwarded(from: bytes.span.octets, into: &output, context: context)
        }
    }

    /// The lines that weir does not concern itself with.
    private func kept(_ head: PlainHead) -> [PlainHead.Field] {
        let named = head.tokens("connection").subtracting(Self.protectedNames)
        return head.fields.filter { field in
            guard !Self.managedNames.contains(field.name) else { return false }
            return !named.contains(field.name) || field.name.contains("_")
                || field.name.hasPrefix("x-forwarded-")
        }
    }

    private func checkFields(_ sent: PlainHead) {
        var line = received.startLine[...]
        line = Array("HTTP/1.1".utf8) + (line.count == 12 ? line + [0x20] : line).dropFirst(8)
        require(sent.startLine == Array(line), "the status line has changed")
        for field in sent.fields {
            require(!Self.droppedNames.contains(field.name), "a dropped field was forwarded")
        }
        let connection = sent.tokens("connection")
        require(
            connection.isEmpty || connection == ["close"] || connection == ["keep-alive"],
            "the connection of upstream was forwarded"
        )
        require(
            sent.values("date").count == max(received.values("date").count, isInterim ? 0 : 1),
            "there is no date, or one too many"
        )
        let hasNoLength = isInterim || whole.status == 204
        require(!hasNoLength || sent.values("content-length").isEmpty, "a length without a body")
    }

    private func isSame(_ sent: MessageFraming) -> Bool {
        // Where there could be a body and none is sent, the client is told so.
        let isSilenced = context.framing == .none && whole.framing != .none
        return sent == (isSilenced ? .counted(0) : context.framing)
    }
}
