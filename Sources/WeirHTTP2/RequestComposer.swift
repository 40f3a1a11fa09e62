// SPDX-License-Identifier: Apache-2.0

/// Puts the fields of a request or of its trailers together as text of HTTP/1.1.
///
/// What comes out goes through the same strict parser as what an HTTP/1.1 client sends. What the
/// two protocols say differently is settled here: pseudo-fields become the request line and `Host`
/// (RFC 9113 §8.3.1), cookie crumbs are joined (§8.2.3), an extended CONNECT becomes an upgrade
/// (RFC 8441 §5). libnghttp2 has checked names, values, their order and their number.
struct RequestComposer: BitwiseCopyable {
    /// What is being composed.
    enum Section: BitwiseCopyable {
        case nothing, request, trailers
    }

    /// Why it cannot be.
    enum Fault: BitwiseCopyable {
        case none
        /// RFC 9113 §8.1.1.
        case malformed
        /// Above the limit; the rest is not looked at.
        case tooLarge
    }

    private(set) var section = Section.nothing
    private(set) var fault = Fault.none
    /// Where its bytes begin in the arena, pseudo-fields first.
    private(set) var start = 0
    /// Where the text begins; −1 while pseudo-fields may come.
    private var textStart = -1
    private var method = StreamEvent.Extent(0, 0)
    private var path = StreamEvent.Extent(0, 0)
    private var authority = StreamEvent.Extent(0, 0)
    private var protocolName = StreamEvent.Extent(0, 0)
    private var hasContentLength = false
    /// How many bytes the text may have.
    private var limit = 0

    /// Begins with a request or with trailers.
    mutating func begin(_ section: Section, in text: borrowing ByteArena, limit: Int) {
        self = RequestComposer()
        self.section = section
        self.limit = limit
        start = text.count
        if section == .trailers { textStart = start }
    }

    /// Nothing is composed any more.
    mutating func end() { section = .nothing }

    /// Its bytes now begin elsewhere in the arena: those of before are gone.
    mutating func move(to newStart: Int) {
        let offset = newStart - start
        start = newStart
        if textStart >= 0 { textStart += offset }
        method = method.moved(by: offset)
        path = path.moved(by: offset)
        authority = authority.moved(by: offset)
        protocolName = protocolName.moved(by: offset)
    }

    /// Takes one field.
    ///
    /// - Parameters:
    ///   - name: in lower case, checked.
    ///   - value: checked.
    ///   - text: where the head is put together.
    ///   - cookies: where cookie crumbs wait for its end.
    mutating func add(
        _ name: UnsafeBufferPointer<UInt8>,
        _ value: UnsafeBufferPointer<UInt8>,
        to text: inout ByteArena,
        cookies: inout ByteArena
    ) {
        guard section != .nothing, fault == .none else { return }
        let isPseudo = unsafe name.first == UInt8(ascii: ":")
        if !isPseudo, textStart < 0 { writeRequestLine(to: &text) }
        // Pseudo-fields stand in front of the text, and once more in it.
        let length = text.count - (isPseudo ? start : textStart) + cookies.count
        guard length + name.count + value.count + 4 <= limit else {
            fault = .tooLarge
            return
        }
        if isPseudo {
            unsafe addPseudo(name, value, to: &text)
            return
        }
        switch name.count {
        case 4 where unsafe name.isEqual(to: "host"):
            guard authority.isEmpty else {
                if unsafe !text.isEqualIgnoringCase(authority, value) { fault = .malformed }
                return
            }
        case 6 where unsafe name.isEqual(to: "cookie"):
            if cookies.count > 0 { cookies.append("; ") }
            unsafe cookies.append(value)
            return
        case 14 where unsafe name.isEqual(to: "content-length"):
            // What follows an extended CONNECT is no content (RFC 8441 §5).
            if !protocolName.isEmpty { fault = .malformed }
            hasContentLength = true
        // There is one, which the client cannot know (RFC 8441 §5).
        case 17 where unsafe !protocolName.isEmpty && name.isEqual(to: "sec-websocket-key"): return
        default: break
        }
        unsafe text.append(name)
        text.append(": ")
        unsafe text.append(value)
        text.append("\r\n")
    }

    /// Ends the text.
    ///
    /// - Parameters:
    ///   - isWhole: whether no body follows.
    ///   - text: where the head is put together.
    ///   - cookies: what waits for its end; emptied.
    /// - Returns: where the text is.
    mutating func finish(
        isWhole: Bool,
        in text: inout ByteArena,
        cookies: inout ByteArena
    ) -> StreamEvent.Extent {
        if textStart < 0 { writeRequestLine(to: &text) }
        if cookies.count > 0 {
            text.append("cookie: ")
            text.append(cookies)
            text.append("\r\n")
            cookies.removeAll()
        }
        if section == .request {
            // DATA frames delimit the body; towards gunicorn chunks do, unless it is counted.
            if !isWhole, !hasContentLength, protocolName.isEmpty {
                text.append("Transfer-Encoding: chunked\r\n")
            }
            text.append("\r\n")
        }
        section = .nothing
        return StreamEvent.Extent(textStart, text.count)
    }

    // MARK: Pseudo-fields

    private mutating func addPseudo(
        _ name: UnsafeBufferPointer<UInt8>,
        _ value: UnsafeBufferPointer<UInt8>,
        to text: inout ByteArena
    ) {
        // The scheme says how the client's proxies were reached, which X-Forwarded-Proto is for.
        if name.count == 7, unsafe name[1] == UInt8(ascii: "s") { return }
        // They become parts of lines: a space or a line's end would make others of them.
        guard unsafe value.isVisible else {
            fault = .malformed
            return
        }
        let extent = StreamEvent.Extent(text.count, text.count + value.count)
        switch name.count {
        case 5:
            path = extent
            // libnghttp2 looks at this only where the scheme is http or https (RFC 9113 §8.3.1).
            if unsafe value.first != UInt8(ascii: "/") && !value.isEqual(to: "*") {
                fault = .malformed
            }
        case 7: method = extent
        case 9:
            protocolName = extent
            // The parser passes over an offer to switch to what is no protocol, and to h2c; DATA
            // would then be a body that nothing announces.
            if unsafe !value.isProtocol || value.isEqualIgnoringCase(to: "h2c") {
                fault = .malformed
            }
        default: authority = extent
        }
        unsafe text.append(value)
    }

    private mutating func writeRequestLine(to text: inout ByteArena) {
        textStart = text.count
        let isUpgrade = !protocolName.isEmpty
        if isUpgrade {
            text.append("GET")
        } else {
            text.appendOwn(method.range)
        }
        text.append(" ")
        text.appendOwn(path.isEmpty ? authority.range : path.range)
        text.append(" HTTP/1.1\r\n")
        if !authority.isEmpty {
            text.append("Host: ")
            text.appendOwn(authority.range)
            text.append("\r\n")
        }
        guard isUpgrade else { return }
        text.append("Connection: Upgrade\r\nUpgrade: ")
        text.appendOwn(protocolName.range)
        text.append("\r\n")
        if text.isEqual(protocolName, to: "websocket") {
            text.append("Sec-WebSocket-Key: ")
            Self.writeNonce(to: &text)
            text.append("\r\n")
        }
    }

    /// Sixteen random bytes in base64 (RFC 6455 §4.1).
    private static func writeNonce(to text: inout ByteArena) {
        let digits: StaticString =
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
        for _ in 0..<21 {
            text.append(unsafe digits.utf8Start[Int.random(in: 0..<64)])
        }
        // The last digit stands for two bits.
        text.append(unsafe digits.utf8Start[16 * Int.random(in: 0..<4)])
        text.append("==")
    }
}

extension StreamEvent.Extent {
    fileprivate var isEmpty: Bool { start == end }

    /// One of nothing is nowhere.
    fileprivate func moved(by offset: Int) -> Self {
        isEmpty ? self : Self(Int(start) + offset, Int(end) + offset)
    }
}

extension UnsafeBufferPointer<UInt8> {
    /// Whether there is no space and no control character among them.
    fileprivate var isVisible: Bool {
        guard let start = baseAddress else { return true }
        var hidden: UInt8 = 0
        var position = 0
        while position < count {
            let byte = unsafe start[position]
            hidden |= (byte <= 0x20 ? 1 : 0) | (byte == 0x7F ? 1 : 0)
            position &+= 1
        }
        return hidden == 0
    }

    fileprivate func isEqual(to text: StaticString) -> Bool {
        unsafe elementsEqual(
            UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
        )
    }
}

extension UnsafeBufferPointer<UInt8> {
    /// `token [ "/" token ]` (RFC 9110 §7.8).
    fileprivate var isProtocol: Bool {
        var slash: Int?
        for offset in indices {
            let byte = unsafe self[offset]
            if byte == UInt8(ascii: "/"), slash == nil {
                slash = offset
            } else if !byte.isToken {
                return false
            }
        }
        return !isEmpty && slash != 0 && slash != count - 1
    }

    fileprivate func isEqualIgnoringCase(to text: StaticString) -> Bool {
        guard count == text.utf8CodeUnitCount else { return false }
        for offset in indices where unsafe self[offset].lowercased != text.utf8Start[offset] {
            return false
        }
        return true
    }
}

extension ByteArena {
    @inline(__always)
    fileprivate mutating func append(_ bytes: UnsafeBufferPointer<UInt8>) {
        guard let start = bytes.baseAddress else { return }
        unsafe append(start, bytes.count)
    }

    fileprivate func isEqual(_ extent: StreamEvent.Extent, to text: StaticString) -> Bool {
        guard extent.range.count == text.utf8CodeUnitCount else { return false }
        for (offset, position) in extent.range.enumerated()
        where unsafe self[position] != text.utf8Start[offset] {
            return false
        }
        return true
    }

    /// Host names do not tell upper case from lower (RFC 9110 §4.2.3).
    fileprivate func isEqualIgnoringCase(
        _ extent: StreamEvent.Extent,
        _ other: UnsafeBufferPointer<UInt8>
    ) -> Bool {
        guard extent.range.count == other.count else { return false }
        for (offset, position) in extent.range.enumerated()
        where unsafe self[position].lowercased != other[offset].lowercased {
            return false
        }
        return true
    }
}

extension UInt8 {
    /// Whether a token may have it (RFC 9110 §5.6.2).
    fileprivate var isToken: Bool {
        switch self {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        case 0x21, 0x23...0x27, 0x2A, 0x2B, 0x2D, 0x2E, 0x5E...0x60, 0x7C, 0x7E: true
        default: false
        }
    }

    fileprivate var lowercased: UInt8 {
        self &- UInt8(ascii: "A") < 26 ? self | 0x20 : self
    }
}
