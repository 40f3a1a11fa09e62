// SPDX-License-Identifier: Apache-2.0

extension ChunkedDecoder {
    /// Reads a byte of `*( BWS ";" BWS name [ BWS "=" BWS value ] )` (RFC 9112 §7.1.1).
    ///
    /// Extensions are checked to the letter, counted, and dropped. White space must lead to a
    /// `;` or `=`: at the end of the line the grammar has none.
    @inline(never)
    mutating func readExtension(_ byte: UInt8, _ phase: Phase) throws(BodyError) -> Phase {
        lineExtensionBytes += 1
        bodyExtensionBytes += 1
        guard lineExtensionBytes <= Self.lineExtensionBytesMax,
            bodyExtensionBytes <= Self.bodyExtensionBytesMax
        else { throw .chunkExtensionsTooLong }
        guard byte != ByteClass.lineFeed else { throw .malformedLineEnd }
        return switch phase {
        case .extensionName: try readExtensionName(byte)
        case .extensionValue: try readExtensionValue(byte)
        case .extensionToken:
            ByteClass.isToken(byte) ? .extensionToken : try endExtension(byte)
        case .extensionQuoted: try readQuoted(byte)
        case .extensionEscape: try readEscaped(byte)
        case .extensionEnd: try endExtension(byte)
        case .extensionEquals: try readEquals(byte)
        default: try readBlank(byte)
        }
    }

    private mutating func readExtensionName(_ byte: UInt8) throws(BodyError) -> Phase {
        if ByteClass.isToken(byte) {
            extensionName = .started
            return .extensionName
        }
        switch extensionName {
        case .empty:
            guard ByteClass.isBlank(byte) else { throw .malformedChunkExtension }
            return .extensionName
        case .started:
            if byte == UInt8(ascii: "=") { return .extensionValue }
            return ByteClass.isBlank(byte) ? .extensionEquals : try endExtension(byte)
        }
    }

    /// Behind the white space that follows a name.
    private mutating func readEquals(_ byte: UInt8) throws(BodyError) -> Phase {
        if ByteClass.isBlank(byte) { return .extensionEquals }
        return byte == UInt8(ascii: "=") ? .extensionValue : try readBlank(byte)
    }

    private func readExtensionValue(_ byte: UInt8) throws(BodyError) -> Phase {
        if ByteClass.isToken(byte) { return .extensionToken }
        if ByteClass.isBlank(byte) { return .extensionValue }
        guard byte == UInt8(ascii: "\"") else { throw .malformedChunkExtension }
        return .extensionQuoted
    }

    /// `quoted-string` (RFC 9110 §5.6.4).
    private func readQuoted(_ byte: UInt8) throws(BodyError) -> Phase {
        switch byte {
        case UInt8(ascii: "\""): return .extensionEnd
        case UInt8(ascii: "\\"): return .extensionEscape
        default:
            guard ByteClass.isValue(byte) else { throw .malformedChunkExtension }
            return .extensionQuoted
        }
    }

    private func readEscaped(_ byte: UInt8) throws(BodyError) -> Phase {
        guard ByteClass.isValue(byte) else { throw .malformedChunkExtension }
        return .extensionQuoted
    }

    /// Behind a name or value: the end of the line, or the next extension.
    private mutating func endExtension(_ byte: UInt8) throws(BodyError) -> Phase {
        byte == ByteClass.carriageReturn ? .sizeLineFeed : try readBlank(byte)
    }

    /// White space, which only a `;` can follow.
    private mutating func readBlank(_ byte: UInt8) throws(BodyError) -> Phase {
        if ByteClass.isBlank(byte) { return .extensionBlank }
        guard byte == UInt8(ascii: ";") else { throw .malformedChunkExtension }
        extensionName = .empty
        return .extensionName
    }
}
