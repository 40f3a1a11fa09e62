// SPDX-License-Identifier: Apache-2.0

/// Why a chunked body was refused (RFC 9112 §7.1).
///
/// In a request it becomes a 400; a response whose body is refused ends where it stands, and the
/// client's connection with it.
public enum BodyError: UInt8, Error, CaseIterable, BitwiseCopyable, Sendable {
    case malformedChunkSize, chunkTooLarge
    case malformedChunkExtension, chunkExtensionsTooLong
    case malformedChunkEnd, malformedLineEnd
    case malformedTrailer, trailersTooLong

    /// The status of the response to a request with this fault.
    public var status: UInt16 { 400 }

    /// One word for the cause, the same in logs, in metrics and in the documentation.
    public var reason: String {
        switch self {
        case .malformedChunkSize, .chunkTooLarge: "bad_chunk_size"
        case .malformedChunkExtension, .chunkExtensionsTooLong: "bad_chunk_extension"
        case .malformedChunkEnd, .malformedLineEnd: "bad_chunk_end"
        case .malformedTrailer, .trailersTooLong: "bad_trailer"
        }
    }

    /// One sentence that tells whoever sent the body what was wrong with it.
    public var explanation: String {
        switch self {
        case .malformedChunkSize: "a chunk size is not a hexadecimal number"
        case .chunkTooLarge: "a chunk size is 2^60 bytes or more"
        case .malformedChunkExtension: "a chunk extension is not valid"
        case .chunkExtensionsTooLong: "the chunk extensions are too long"
        case .malformedChunkEnd: "a chunk is longer or shorter than its size"
        case .malformedLineEnd: "a line of the chunked body does not end in CRLF"
        case .malformedTrailer: "a trailer field is not valid"
        case .trailersTooLong: "the trailer section is too long"
        }
    }
}
