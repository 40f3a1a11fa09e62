// SPDX-License-Identifier: Apache-2.0

extension HTTPVersion {
    /// Reads the eight bytes of `HTTP-version` (RFC 9112 §2.3) as far as they are there.
    ///
    /// Nil when more bytes are needed. A line feed in place of `end` is refused as what it is.
    @inline(never)
    static func parse(
        _ bytes: RawSpan,
        from start: Int,
        to window: Int,
        followedBy end: UInt8
    ) throws(HeadError) -> HTTPVersion? {
        let pattern = UInt64(ascii: "HTTP/1.1")
        for index in 0..<8 {
            guard start &+ index < window else { return nil }
            let byte = bytes.byte(at: start &+ index)
            let wanted = UInt8(truncatingIfNeeded: pattern &>> UInt64(8 &* index))
            let isDigit = index == 5 || index == 7
            guard isDigit ? ByteClass.isDigit(byte) : byte == wanted else {
                throw .malformedVersion
            }
        }
        guard start &+ 8 < window else { return nil }
        let next = bytes.byte(at: start &+ 8)
        guard next == end else {
            throw next == ByteClass.lineFeed ? .bareLineFeed : .malformedVersion
        }
        switch (bytes.byte(at: start &+ 5), bytes.byte(at: start &+ 7)) {
        case (UInt8(ascii: "1"), UInt8(ascii: "0")): return .http10
        // RFC 9110 §2.5: a higher minor version is read as the highest one that is known.
        case (UInt8(ascii: "1"), _): return .http11
        // HTTP/0.9 has no version to name, so whoever names it is mistaken.
        case (UInt8(ascii: "0"), _): throw .malformedVersion
        default: throw .unsupportedVersion
        }
    }
}
