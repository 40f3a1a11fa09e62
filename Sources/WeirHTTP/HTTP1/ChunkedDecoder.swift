// SPDX-License-Identifier: Apache-2.0

/// Decodes the chunked transfer coding (RFC 9112 §7.1), cut anywhere.
///
/// ```
///            ┌────────────────────── chunk of n > 0 bytes ─────────────────────┐
///            ▼                                                                 │
///  start ─► size ─► [ extensions ] ─► CR LF ─┬─ n > 0 ─► data ─► CR LF ────────┘
///                                            └─ n = 0 ─► trailer lines ─► CR LF ─► finished
/// ```
///
/// Trailer fields are checked like any other; what may become of them, ``TrailerSection`` says.
@usableFromInline
struct ChunkedDecoder: BitwiseCopyable, Sendable {
    /// Sizes are below 2⁶⁰, with at most one digit more than that takes.
    static var sizeDigitsMax: Int { 16 }
    /// Bytes of the extensions of one chunk, and of a whole body.
    static var lineExtensionBytesMax: Int { 4096 }
    static var bodyExtensionBytesMax: Int { 65_536 }
    /// Bytes and lines of the trailer section.
    static var trailerBytesMax: Int { 8192 }
    static var trailerLinesMax: Int { 64 }

    /// What the next byte is expected to be.
    @usableFromInline
    enum Phase: BitwiseCopyable, Sendable {
        case size
        case extensionBlank, extensionName, extensionEquals, extensionValue, extensionToken
        case extensionQuoted, extensionEscape, extensionEnd
        case sizeLineFeed
        case data
        case dataReturn, dataLineFeed
        case trailerStart, trailerName, trailerValue, trailerLineFeed
        case finalLineFeed
        case finished
        case refused(BodyError)
    }

    @usableFromInline var phase = Phase.size
    /// The size as far as it is read, then the data bytes that are to come.
    @usableFromInline var remaining: UInt64 = 0
    @usableFromInline var sizeDigits: UInt8 = 0
    @usableFromInline var lineExtensionBytes: UInt16 = 0
    @usableFromInline var bodyExtensionBytes: UInt32 = 0
    @usableFromInline var trailerBytes: UInt16 = 0
    @usableFromInline var trailerLines: UInt8 = 0
    /// Whether the extension name at hand has a byte yet.
    @usableFromInline var extensionName = NameState.empty

    @usableFromInline
    enum NameState: BitwiseCopyable, Sendable {
        case empty, started
    }

    @inlinable
    init() {}

    @inlinable
    var isFinished: Bool {
        if case .finished = phase { true } else { false }
    }

    /// Takes a step; see ``BodyReader/next(_:from:)``.
    mutating func next(_ bytes: RawSpan, from offset: inout Int) -> BodyReader.Step {
        do throws(BodyError) {
            var position = offset
            while true {
                switch phase {
                case .data where position < bytes.byteCount:
                    let start = position
                    let count = Int(min(remaining, UInt64(bytes.byteCount &- start)))
                    remaining &-= UInt64(count)
                    if remaining == 0 { phase = .dataReturn }
                    offset = start &+ count
                    return .data(start..<offset)
                case .trailerStart, .trailerName, .trailerValue, .trailerLineFeed:
                    let trailers = try readTrailers(bytes, from: &position)
                    guard trailers.isEmpty else {
                        offset = position
                        return .trailers(trailers)
                    }
                    guard position < bytes.byteCount else {
                        offset = position
                        return .needsMore
                    }
                case .finished:
                    offset = position
                    return .finished(end: position)
                case .refused(let error):
                    return .refused(error)
                default:
                    guard position < bytes.byteCount else {
                        offset = position
                        return .needsMore
                    }
                    phase = try phase(after: bytes.byte(at: position))
                    position &+= 1
                }
            }
        } catch {
            phase = .refused(error)
            return .refused(error)
        }
    }

    /// The state machine: one byte of framing.
    @inline(__always)
    private mutating func phase(after byte: UInt8) throws(BodyError) -> Phase {
        switch phase {
        case .size: return try readSize(byte)
        case .sizeLineFeed:
            guard byte == ByteClass.lineFeed else { throw .malformedLineEnd }
            sizeDigits = 0
            lineExtensionBytes = 0
            return remaining == 0 ? .trailerStart : .data
        case .dataReturn:
            guard byte == ByteClass.carriageReturn else { throw .malformedChunkEnd }
            return .dataLineFeed
        case .dataLineFeed:
            guard byte == ByteClass.lineFeed else { throw .malformedChunkEnd }
            return .size
        case .finalLineFeed:
            guard byte == ByteClass.lineFeed else { throw .malformedLineEnd }
            return .finished
        case .extensionBlank, .extensionName, .extensionEquals, .extensionValue, .extensionToken,
            .extensionQuoted, .extensionEscape, .extensionEnd:
            return try readExtension(byte, phase)
        case .trailerStart, .trailerName, .trailerValue, .trailerLineFeed, .data, .finished,
            .refused:
            return phase
        }
    }

    /// `1*HEXDIG` (RFC 9112 §7.1), and what ends it.
    @inline(__always)
    private mutating func readSize(_ byte: UInt8) throws(BodyError) -> Phase {
        if let digit = ByteClass.hexDigit(byte) {
            guard sizeDigits < Self.sizeDigitsMax, remaining &>> 56 == 0 else {
                throw .chunkTooLarge
            }
            sizeDigits &+= 1
            remaining = remaining &<< 4 | UInt64(digit)
            return .size
        }
        guard sizeDigits > 0 else { throw .malformedChunkSize }
        switch byte {
        case ByteClass.carriageReturn: return .sizeLineFeed
        case ByteClass.lineFeed: throw .malformedLineEnd
        case UInt8(ascii: ";"), ByteClass.space, ByteClass.tab:
            return try readExtension(byte, .extensionBlank)
        default: throw .malformedChunkSize
        }
    }
}
