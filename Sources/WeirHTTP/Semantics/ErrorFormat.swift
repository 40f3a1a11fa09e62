// SPDX-License-Identifier: Apache-2.0

/// How an answer that weir makes itself says what went wrong.
public enum ErrorFormat: BitwiseCopyable, Sendable {
    /// One line of text.
    case text
    /// `application/problem+json` (RFC 9457).
    case problem

    /// What a head asks for that was refused, as far as it can be told: the first line that looks
    /// like `Accept` counts.
    public init(askedForIn bytes: RawSpan) {
        let name: StaticString = "accept:"
        let length = name.utf8CodeUnitCount
        for end in 0..<bytes.byteCount where bytes.byte(at: end) == ByteClass.lineFeed {
            let start = end + 1
            guard start + length <= bytes.byteCount else { break }
            if bytes.equals(start..<start + length, lowercase: name) {
                let value = start + length..<bytes.endOfText(from: start + length)
                self = FieldSection.namesProblems(bytes, value) ? .problem : .text
                return
            }
        }
        self = .text
    }
}

extension RawSpan {
    /// The offset of the first control byte from `start` on, or of the end.
    fileprivate func endOfText(from start: Int) -> Int {
        var position = start
        while position < byteCount, ByteClass.isValue(byte(at: position)) { position += 1 }
        return position
    }
}
