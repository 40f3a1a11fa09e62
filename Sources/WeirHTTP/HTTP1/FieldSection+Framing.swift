// SPDX-License-Identifier: Apache-2.0

extension FieldSection {
    /// What the fields say about the length of the body (RFC 9112 §6.3).
    ///
    /// - Parameters:
    ///   - bytes: the message from its first byte on.
    ///   - version: the version of the message.
    /// - Returns: nil when there is neither `Content-Length` nor `Transfer-Encoding`.
    /// - Throws: ``HeadError`` for whatever two parties could read differently.
    @inline(__always)
    func framing(
        _ bytes: RawSpan,
        version: HTTPVersion
    ) throws(HeadError) -> MessageFraming? {
        guard !seen.isDisjoint(with: [.contentLength, .transferEncoding]) else { return nil }
        return try declaredFraming(bytes, version: version)
    }

    @inline(never)
    private func declaredFraming(
        _ bytes: RawSpan,
        version: HTTPVersion
    ) throws(HeadError) -> MessageFraming {
        if let coding = value(.transferEncoding) {
            guard !seen.contains(.contentLength) else { throw .transferEncodingWithContentLength }
            guard version == .http11 else { throw .transferEncodingInHTTP10 }
            guard !repeated.contains(.transferEncoding) else { throw .repeatedTransferEncoding }
            try Self.requireChunked(bytes, coding)
            return .chunked
        }
        guard let length = value(.contentLength) else { return .none }
        if !repeated.contains(.contentLength),
            let number = Self.number(bytes, length)
        {
            return .counted(number)
        }
        return .counted(try repeatedContentLength(bytes))
    }

    /// The length that is said more than once, in one field or in several, every time by the
    /// same digits (RFC 9110 §8.6, RFC 9112 §6.3); `5` and `05` are not.
    @inline(never)
    private func repeatedContentLength(_ bytes: RawSpan) throws(HeadError) -> UInt64 {
        var first: Range<Int>?
        for index in 0..<count where lines[index].kind == .contentLength {
            let fault: HeadError = first == nil ? .malformedContentLength : .repeatedContentLength
            var elements = ListElements(lines[index].value)
            while let element = elements.next(bytes) {
                guard bytes.sameToken(element, first ?? element),
                    Self.number(bytes, element) != nil
                else { throw fault }
                first = first ?? element
            }
        }
        guard let first, let length = Self.number(bytes, first) else {
            throw .malformedContentLength
        }
        return length
    }

    /// `1*DIGIT`, at most 2⁶³−1, so that every length is an `Int` (RFC 9110 §8.6); else nil.
    static func number(_ bytes: RawSpan, _ value: Range<Int>) -> UInt64? {
        guard !value.isEmpty else { return nil }
        var length: Int64 = 0
        // Eighteen digits cannot overflow.
        if value.count <= 18 {
            for offset in value {
                let byte = bytes.byte(at: offset)
                guard ByteClass.isDigit(byte) else { return nil }
                length = length &* 10 &+ Int64(byte &- 0x30)
            }
            return UInt64(length)
        }
        for offset in value {
            let byte = bytes.byte(at: offset)
            guard ByteClass.isDigit(byte) else { return nil }
            let (product, productOverflow) = length.multipliedReportingOverflow(by: 10)
            let (sum, sumOverflow) = product.addingReportingOverflow(Int64(byte &- 0x30))
            guard !productOverflow, !sumOverflow else { return nil }
            length = sum
        }
        return UInt64(length)
    }

    /// Accepts the value `chunked` and tells unknown codings from nonsense.
    ///
    /// A list of codings that are all well formed, `chunked` last or absent, is one that weir
    /// does not implement (501, RFC 9112 §6.1); everything else is an attack or a mistake (400).
    private static func requireChunked(
        _ bytes: RawSpan,
        _ value: Range<Int>
    ) throws(HeadError) {
        if bytes.equals(value, lowercase: "chunked") { return }
        var elements = ListElements(value)
        var isChunked = false
        while let element = elements.next(bytes) {
            guard !element.isEmpty, !isChunked else { throw .malformedTransferEncoding }
            for offset in element where !ByteClass.isToken(bytes.byte(at: offset)) {
                throw .malformedTransferEncoding
            }
            guard !bytes.equals(element, lowercase: "identity") else {
                throw .malformedTransferEncoding
            }
            isChunked = bytes.equals(element, lowercase: "chunked")
        }
        throw .unknownTransferCoding
    }
}
