// SPDX-License-Identifier: Apache-2.0

extension ResponseHead {
    /// Fewer bytes fit into one packet either way: compressing them gains nothing.
    public static var compressedBytesMin: UInt64 { 860 }

    /// Whether the body may go on in gzip, as far as the response tells.
    ///
    /// It has a body, the whole one, of a type that is text; it is not encoded yet, and upstream has
    /// not forbidden to change it (RFC 9110 §7.7).
    ///
    /// - Parameter bytes: the same bytes that were parsed.
    /// - Returns: whether it is worth asking what the client accepts.
    @inline(never)
    public func isCompressible(_ bytes: RawSpan) -> Bool {
        switch framing {
        case .none: return false
        case .counted(let length): if length < Self.compressedBytesMin { return false }
        case .chunked, .untilClose: break
        }
        // A part of a body (RFC 9110 §15.3.7) is one of the body as it came.
        guard status != 206 else { return false }
        var isText = false
        for index in 0..<fields.count where fields.lines[index].kind == [] {
            let (name, value) = (fields.lines[index].name, fields.lines[index].value)
            switch name.count {
            case 12 where bytes.equals(name, lowercase: "content-type"):
                guard !isText, MediaType.isText(bytes, value) else { return false }
                isText = true
            case 13 where bytes.equals(name, lowercase: "cache-control"):
                if bytes.lists("no-transform", in: value) { return false }
            case 16 where bytes.equals(name, lowercase: "content-encoding"):
                guard value.isEmpty || bytes.equals(value, lowercase: "identity") else {
                    return false
                }
            default: break
            }
        }
        return isText
    }

    /// Whether it is a 304 about a body that its client may have in gzip: one with a strong entity
    /// tag, which had become a weak one there.
    ///
    /// - Parameter bytes: the same bytes that were parsed.
    /// - Returns: whether it is worth asking which tag the client knows.
    public func confirmsStrongTag(_ bytes: RawSpan) -> Bool {
        guard status == 304 else { return false }
        for index in 0..<fields.count where fields.lines[index].kind == [] {
            let (name, value) = (fields.lines[index].name, fields.lines[index].value)
            if bytes.equals(name, lowercase: "etag") { return !bytes.isWeakTag(value) }
        }
        return false
    }

    /// Sets those fields apart that ``writeForwarded(from:into:context:)`` leaves out or writes anew
    /// with the same compression in its context.
    ///
    /// - Parameters:
    ///   - compression: what becomes of the body.
    ///   - bytes: the same bytes that were parsed.
    public mutating func prepare(for compression: Compression, _ bytes: RawSpan) {
        guard compression != .none else { return }
        let isVaried = variesByCoding(bytes)
        for index in 0..<fields.count where fields.lines[index].kind == [] {
            let name = fields.lines[index].name
            let changes =
                bytes.equals(name, lowercase: "vary")
                ? !isVaried
                : compression != .declined
                    && dependsOnCoding(bytes, name, fields.lines[index].value)
            if changes { fields.mark(index, as: .recoded) }
        }
    }

    /// Whether a field says something that no longer holds once the body is compressed.
    private func dependsOnCoding(
        _ bytes: RawSpan,
        _ name: Range<Int>,
        _ value: Range<Int>
    ) -> Bool {
        switch name.count {
        case 4: bytes.equals(name, lowercase: "etag") && !bytes.isWeakTag(value)
        // RFC 3230, which RFC 9530 has replaced.
        case 6: bytes.equals(name, lowercase: "digest")
        case 11:
            bytes.equals(name, lowercase: "content-md5")
                || bytes.equals(name, lowercase: "repr-digest")
        case 13: bytes.equals(name, lowercase: "accept-ranges")
        case 14: bytes.equals(name, lowercase: "content-digest")
        case 16: bytes.equals(name, lowercase: "content-encoding")
        default: false
        }
    }

    /// Whether `Vary` names `Accept-Encoding`, or says that everything matters.
    private func variesByCoding(_ bytes: RawSpan) -> Bool {
        for index in 0..<fields.count where isVary(bytes, index) {
            let value = fields.lines[index].value
            if bytes.lists("*", in: value) || bytes.lists("accept-encoding", in: value) {
                return true
            }
        }
        return false
    }

    private func isVary(_ bytes: RawSpan, _ index: Int) -> Bool {
        let line = fields.lines[index]
        return (line.kind == [] || line.kind == .recoded)
            && bytes.equals(line.name, lowercase: "vary")
    }

    // MARK: Writing

    /// Writes what ``prepare(for:_:)`` has set apart, as it is now.
    @inline(never)
    func writeRecoded(
        _ bytes: RawSpan,
        for compression: Compression,
        into output: inout OutputCursor
    ) {
        if compression == .gzip { output.append("Content-Encoding: gzip\r\n") }
        if compression != .declined { writeWeakened(bytes, into: &output) }
        guard !variesByCoding(bytes) else { return }
        output.append("Vary: ")
        for index in 0..<fields.count where isVary(bytes, index) {
            let value = fields.lines[index].value
            guard !value.isEmpty else { continue }
            output.append(contentsOf: bytes.extracting(value))
            output.append(", ")
        }
        output.append("Accept-Encoding\r\n")
    }

    /// A strong entity tag would say that the bytes are those of the body as it came (RFC 9110
    /// §8.8.1); what is no entity tag at all is left out.
    private func writeWeakened(_ bytes: RawSpan, into output: inout OutputCursor) {
        for index in 0..<fields.count where fields.lines[index].kind == .recoded {
            let (name, value) = (fields.lines[index].name, fields.lines[index].value)
            guard bytes.equals(name, lowercase: "etag"), !value.isEmpty,
                bytes.byte(at: value.lowerBound) == UInt8(ascii: "\"")
            else { continue }
            output.append("ETag: W/")
            output.append(contentsOf: bytes.extracting(value))
            output.append("\r\n")
            return
        }
    }
}

extension RawSpan {
    /// Whether an entity tag says of itself that it is a weak one (RFC 9110 §8.8.3).
    func isWeakTag(_ tag: Range<Int>) -> Bool {
        tag.count >= 2 && twoBytes(at: tag.lowerBound) == UInt16(UInt64(ascii: "W/"))
    }

    /// Whether a list of tokens has `token`, which is in lower case, among its elements.
    fileprivate func lists(_ token: StaticString, in value: Range<Int>) -> Bool {
        var elements = ListElements(value)
        while let element = elements.next(self) {
            if equals(element, lowercase: token) { return true }
        }
        return false
    }
}
