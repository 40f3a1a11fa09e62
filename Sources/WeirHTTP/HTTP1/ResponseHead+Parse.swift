// SPDX-License-Identifier: Apache-2.0

extension ResponseHead {
    /// Parses a response head from the front of `bytes`, which may hold more than the head.
    ///
    /// The method is that of the request, without which the length of the body is unknown
    /// (RFC 9112 §6.3). Empty lines in front are not passed over.
    public mutating func parse(_ bytes: RawSpan, answering method: Method) -> HeadProgress {
        do throws(HeadError) {
            guard let fieldsStart = try parseStatusLine(bytes) else {
                guard bytes.byteCount >= limits.headBytes else { return .incomplete }
                return .refused(.headTooLong)
            }
            let progress = fields.parse(bytes, from: fieldsStart, limits: limits)
            guard case .complete = progress else { return progress }
            try settle(bytes, answering: method)
            return progress
        } catch {
            return .refused(error)
        }
    }

    /// Parses `HTTP-version SP 3DIGIT SP [ reason-phrase ] CRLF` (RFC 9112 §4).
    ///
    /// Without a reason phrase the space in front of it may be missing too, as many servers
    /// have it: nobody can read such a line differently.
    ///
    /// - Returns: the offset behind the line; nil when its end is not there yet.
    @inline(always)
    private mutating func parseStatusLine(_ bytes: RawSpan) throws(HeadError) -> Int? {
        let window = min(bytes.byteCount, limits.headBytes)
        if let lineEnd = parsePlainLine(Blocks(bytes.extracting(first: window))) { return lineEnd }
        return try parseRareLine(bytes, to: window)
    }

    /// Parses a line of HTTP/1.1 that has nothing unusual; nil for any other, of which nothing is
    /// kept.
    @inline(always)
    private mutating func parsePlainLine(_ blocks: Blocks) -> Int? {
        guard let version = blocks.eightBytes(at: 0), version == UInt64(ascii: "HTTP/1.1"),
            let code = blocks.fourBytes(at: 9)
        else { return nil }
        // The three digits and the space behind them; the one in front of them is in the next load.
        let digits = code ^ 0x2030_3030
        guard (digits | (digits &+ 0x0006_0606)) & 0xFFF0_F0F0 == 0,
            let around = blocks.fourBytes(at: 8), UInt8(truncatingIfNeeded: around) == 0x20
        else { return nil }
        let hundreds = digits & 15
        guard 1...5 ~= hundreds else { return nil }
        let lineEnd = blocks.scan(from: 13, Stops.controls)
        guard let end = blocks.fourBytes(at: lineEnd),
            UInt64(UInt16(truncatingIfNeeded: end)) == UInt64(ascii: "\r\n")
        else { return nil }
        self.version = .http11
        status = UInt16(hundreds &* 100 &+ (digits &>> 8 & 15) &* 10 &+ (digits &>> 16 & 15))
        return lineEnd &+ 2
    }

    @inline(never)
    private mutating func parseRareLine(
        _ bytes: RawSpan,
        to window: Int
    ) throws(HeadError) -> Int? {
        if window >= 13, bytes.byte(at: 8) == ByteClass.space,
            bytes.eightBytes(at: 0) == UInt64(ascii: "HTTP/1.1")
        {
            version = .http11
        } else {
            guard
                let rare = try HTTPVersion.parse(
                    bytes,
                    from: 0,
                    to: window,
                    followedBy: ByteClass.space
                )
            else { return nil }
            version = rare
        }
        guard window >= 13 else { return nil }
        let separator = bytes.byte(at: 12)
        guard separator == ByteClass.space || separator == ByteClass.carriageReturn else {
            throw .malformedStatus
        }
        var number: UInt16 = 0
        for offset in 9..<12 {
            let byte = bytes.byte(at: offset)
            guard ByteClass.isDigit(byte) else { throw .malformedStatus }
            number = number &* 10 &+ UInt16(byte &- 0x30)
        }
        guard 100...599 ~= number else { throw .malformedStatus }
        status = number
        var lineEnd = bytes.scan(from: 12, to: window, Stops.controls)
        return try FieldSection.endOfLine(bytes, at: &lineEnd, to: window)
    }

    /// RFC 9112 §6.3 in its order: what has no body, what is encoded, what is counted, the rest.
    private mutating func settle(
        _ bytes: RawSpan,
        answering method: Method
    ) throws(HeadError) {
        let declared = try fields.framing(bytes, version: version)
        contentLength = nil
        if case .counted(let length) = declared { contentLength = length }
        let asks: ConnectionOptions = [.close, .keepAlive]
        let options = fields.options.intersection(asks)
        switch version {
        case .http11, .http2: persistence = options.contains(.close) ? .close : .keepAlive
        case .http10: persistence = options == .keepAlive ? .keepAlive : .close
        }
        switchedProtocols = status == 101 ? fields.protocolSet(bytes) : ProtocolSet()
        if status < 200 || status == 204 {
            // RFC 9112 §6.1 and RFC 9110 §8.6 forbid to declare content here, and §6.3 ends the
            // message with its head. Who declares some may send it.
            if let declared, declared != .counted(0) { persistence = .close }
            framing = .none
        } else if method == .head || status == 304 {
            framing = .none
        } else if status == 205 {
            // RFC 9110 §15.3.6: there is no content. Clients differ in whether they read any, so
            // none is passed on, and what may follow goes down with its connection.
            if declared != .counted(0) { persistence = .close }
            framing = .counted(0)
        } else {
            framing = declared ?? .untilClose
            if framing == .untilClose { persistence = .close }
        }
    }
}
