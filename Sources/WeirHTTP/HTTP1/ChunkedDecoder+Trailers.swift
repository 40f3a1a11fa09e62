// SPDX-License-Identifier: Apache-2.0

extension ChunkedDecoder {
    /// Reads the trailer section as far as it has come.
    ///
    /// - Parameters:
    ///   - bytes: the input.
    ///   - position: where it goes on; moved behind what was read.
    /// - Returns: where its lines are, without the empty one behind them.
    /// - Throws: ``BodyError`` where they are no fields, or too many.
    @inline(never)
    mutating func readTrailers(
        _ bytes: RawSpan,
        from position: inout Int
    ) throws(BodyError) -> Range<Int> {
        let start = position
        while position < bytes.byteCount {
            let next = try readTrailer(bytes.byte(at: position), phase)
            phase = next
            if case .finalLineFeed = next {
                defer { position += 1 }
                return start..<position
            }
            position += 1
        }
        return start..<position
    }

    /// Reads a byte of the trailer section (RFC 9112 §7.1.2), as strictly as that of a head.
    private mutating func readTrailer(_ byte: UInt8, _ phase: Phase) throws(BodyError) -> Phase {
        if case .trailerStart = phase, byte == ByteClass.carriageReturn { return .finalLineFeed }
        trailerBytes += 1
        guard trailerBytes <= Self.trailerBytesMax else { throw .trailersTooLong }
        switch phase {
        case .trailerName:
            if byte == UInt8(ascii: ":") { return .trailerValue }
            guard ByteClass.isToken(byte) else { throw fault(of: byte) }
            return .trailerName
        case .trailerValue:
            if byte == ByteClass.carriageReturn { return .trailerLineFeed }
            guard ByteClass.isValue(byte) else { throw fault(of: byte) }
            return .trailerValue
        case .trailerLineFeed:
            guard byte == ByteClass.lineFeed else { throw .malformedLineEnd }
            return .trailerStart
        default:
            guard ByteClass.isToken(byte) else { throw fault(of: byte) }
            trailerLines += 1
            guard trailerLines <= Self.trailerLinesMax else { throw .trailersTooLong }
            return .trailerName
        }
    }

    private func fault(of byte: UInt8) -> BodyError {
        byte == ByteClass.lineFeed ? .malformedLineEnd : .malformedTrailer
    }
}
