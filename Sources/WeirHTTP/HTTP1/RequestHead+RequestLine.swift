// SPDX-License-Identifier: Apache-2.0

extension RequestHead {
    /// How many empty lines may precede a request (RFC 9112 §2.2).
    static var emptyLineCountMax: Int { 4 }
    /// The longest method taken; the longest registered one has 17 bytes.
    static var methodBytesMax: Int { 32 }

    /// Parses `method SP request-target SP HTTP-version CRLF` (RFC 9112 §3).
    ///
    /// - Returns: the offset behind the line; nil when its end is not there yet.
    @inline(__always)
    mutating func parseRequestLine(_ bytes: RawSpan) throws(HeadError) -> Int? {
        let window = min(bytes.byteCount, limits.headBytes)
        if let lineEnd = parsePlainLine(Blocks(bytes.extracting(first: window))) { return lineEnd }
        return try parseRareLine(bytes, to: window)
    }

    /// Parses a line like nearly all, `GET` or `POST`, a path and HTTP/1.1; nil for any other, of
    /// which nothing is kept.
    @inline(always)
    private mutating func parsePlainLine(_ blocks: Blocks) -> Int? {
        guard let first = blocks.eightBytes(at: 0) else { return nil }
        let method: Method
        let targetStart: Int
        if first &<< 24 == UInt64(ascii: "GET /") &<< 24 {
            (method, targetStart) = (.get, 4)
        } else if first &<< 16 == UInt64(ascii: "POST /") &<< 16 {
            (method, targetStart) = (.post, 5)
        } else {
            return nil
        }
        let targetEnd = blocks.scan(from: targetStart, Stops.outsideTarget)
        guard let version = blocks.eightBytes(at: targetEnd),
            let lineEnd = blocks.fourBytes(at: targetEnd &+ 7),
            version == UInt64(ascii: " HTTP/1."),
            UInt64(lineEnd) == UInt64(ascii: ".1\r\n"),
            targetEnd &- targetStart <= limits.targetBytes
        else { return nil }
        start = 0
        self.method = method
        self.version = .http11
        target = targetStart..<targetEnd
        form = .origin
        path = target
        host = nil
        return targetEnd &+ 11
    }

    @inline(never)
    private mutating func parseRareLine(
        _ bytes: RawSpan,
        to window: Int
    ) throws(HeadError) -> Int? {
        guard let start = try Self.skipEmptyLines(bytes, to: window) else { return nil }
        guard let methodEnd = try Self.endOfMethod(bytes, from: start, to: window) else {
            return nil
        }
        self.start = start
        method = Method(bytes, from: start, to: methodEnd)
        guard method != .connect else { throw .connectMethod }
        let targetStart = methodEnd &+ 1
        guard let targetEnd = try endOfTarget(bytes, from: targetStart, to: window) else {
            return nil
        }
        target = targetStart..<targetEnd
        try settleTarget(bytes)
        let versionStart = targetEnd &+ 1
        let lineEnd = versionStart &+ 10
        if lineEnd <= window, bytes.byte(at: versionStart &+ 9) == ByteClass.lineFeed,
            bytes.byte(at: versionStart &+ 8) == ByteClass.carriageReturn,
            bytes.eightBytes(at: versionStart) == UInt64(ascii: "HTTP/1.1")
        {
            version = .http11
            return lineEnd
        }
        guard
            let rare = try HTTPVersion.parse(
                bytes,
                from: versionStart,
                to: window,
                followedBy: ByteClass.carriageReturn
            )
        else { return nil }
        version = rare
        return try FieldSection.endOfLine(bytes, at: versionStart &+ 8, to: window)
    }

    @inline(__always)
    private static func skipEmptyLines(
        _ bytes: RawSpan,
        to window: Int
    ) throws(HeadError) -> Int? {
        var position = 0
        while position < window, bytes.byte(at: position) == ByteClass.carriageReturn {
            guard position < 2 &* emptyLineCountMax else { throw .malformedMethod }
            guard let next = try FieldSection.endOfLine(bytes, at: position, to: window) else {
                return nil
            }
            position = next
        }
        return position < window ? position : nil
    }

    /// The offset of the space behind the method; nil when it is not there yet.
    @inline(__always)
    private static func endOfMethod(
        _ bytes: RawSpan,
        from start: Int,
        to window: Int
    ) throws(HeadError) -> Int? {
        let limit = min(start &+ methodBytesMax &+ 1, window)
        var position = start
        while position < limit {
            let byte = bytes.byte(at: position)
            if byte == ByteClass.space {
                guard position > start else { throw .malformedMethod }
                return position
            }
            guard ByteClass.isToken(byte) else {
                throw byte == ByteClass.lineFeed ? .bareLineFeed : .malformedMethod
            }
            position &+= 1
        }
        guard position &- start <= methodBytesMax else { throw .methodTooLong }
        return nil
    }

    /// The offset of the space behind the target; nil when it is not there yet.
    @inline(__always)
    private func endOfTarget(
        _ bytes: RawSpan,
        from start: Int,
        to window: Int
    ) throws(HeadError) -> Int? {
        let limit = min(start &+ limits.targetBytes &+ 1, window)
        let end = bytes.scan(from: start, to: limit, Stops.outsideTarget)
        guard end < limit else {
            // The target goes on: too long for its own limit, or for the head it is in.
            if end &- start > limits.targetBytes || window == limits.headBytes {
                throw .targetTooLong
            }
            return nil
        }
        switch bytes.byte(at: end) {
        case ByteClass.space:
            guard end > start else { throw .malformedTarget }
            return end
        case ByteClass.lineFeed: throw .bareLineFeed
        case ByteClass.carriageReturn: throw .malformedVersion
        default: throw .malformedTarget
        }
    }
}
