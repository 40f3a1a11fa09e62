// SPDX-License-Identifier: Apache-2.0

/// What can still be learnt from a request head that was refused, for the answer to it.
///
/// Nothing is known of such a head but its bytes. Lines are what ends in LF, and of several that
/// look like the same field the first one counts; nothing else depends on it.
public enum RefusedHead {
    /// What its `Accept` asks errors to look like.
    public static func errorFormat(_ bytes: RawSpan) -> ErrorFormat {
        guard let value = value(of: "accept:", bytes) else { return .text }
        return FieldSection.namesProblems(bytes, value) ? .problem : .text
    }

    /// Its method, as far as the answer depends on it: one to HEAD has no content (RFC 9110 §9.3.2).
    public static func method(_ bytes: RawSpan) -> Method {
        let isHead = bytes.byteCount >= 5 && bytes.word(at: 0, count: 5) == UInt64(ascii: "HEAD ")
        return isHead ? .head : .other
    }

    /// Where its id is, if it has a valid one.
    public static func requestID(_ bytes: RawSpan) -> Range<Int>? {
        guard let value = value(of: "x-request-id:", bytes), RequestID.isValid(bytes, value) else {
            return nil
        }
        return value
    }

    private static func value(of name: StaticString, _ bytes: RawSpan) -> Range<Int>? {
        let length = name.utf8CodeUnitCount
        for end in 0..<bytes.byteCount where bytes.byte(at: end) == ByteClass.lineFeed {
            var start = end + 1
            guard start + length <= bytes.byteCount else { return nil }
            guard bytes.equals(start..<start + length, lowercase: name) else { continue }
            start += length
            while start < bytes.byteCount, ByteClass.isBlank(bytes.byte(at: start)) { start += 1 }
            var stop = start
            while stop < bytes.byteCount, ByteClass.isValue(bytes.byte(at: stop)) { stop += 1 }
            while stop > start, ByteClass.isBlank(bytes.byte(at: stop - 1)) { stop -= 1 }
            return start..<stop
        }
        return nil
    }
}
