// SPDX-License-Identifier: Apache-2.0

/// Writes the framing of the chunked transfer coding (RFC 9112 §7.1).
public enum ChunkWriter {
    /// The longest size line: sixteen hex digits and CRLF.
    public static var sizeLineBytesMax: Int { 18 }
    /// What ``writeLineEnd(into:)`` writes.
    public static var lineEndBytes: Int { 2 }
    /// What ``writeLastChunk(into:)`` writes, and the end behind it.
    public static var lastChunkBytes: Int { 5 }

    /// Writes `chunk-size CRLF`, which goes in front of that many bytes.
    ///
    /// - Parameters:
    ///   - count: at least 1, for a chunk of 0 ends the body.
    ///   - output: must have room for ``sizeLineBytesMax``.
    @_lifetime(output: copy output)
    public static func writeSizeLine(_ count: Int, into output: inout OutputRawSpan) {
        precondition(count > 0, "an empty chunk would end the body")
        output.append(hexadecimal: UInt64(count))
        output.append("\r\n")
    }

    /// Writes the CRLF behind the bytes of a chunk.
    @_lifetime(output: copy output)
    public static func writeLineEnd(into output: inout OutputRawSpan) {
        output.append("\r\n")
    }

    /// Writes the last chunk; trailer lines follow, and ``writeLineEnd(into:)``.
    @_lifetime(output: copy output)
    public static func writeLastChunk(into output: inout OutputRawSpan) {
        output.append("0\r\n")
    }
}
