// SPDX-License-Identifier: Apache-2.0

/// The elements of a comma-separated field value (RFC 9110 §5.6.1), empty ones among them,
/// without the white space around each.
///
/// Quoted strings are not recognised: for values that are lists of tokens.
struct ListElements {
    private var position: Int
    private let end: Int
    private let separator: UInt8

    /// - Parameters:
    ///   - value: where the list is.
    ///   - separator: what stands between two elements; a semicolon between parameters.
    init(_ value: Range<Int>, separator: UInt8 = UInt8(ascii: ",")) {
        position = value.lowerBound
        end = value.upperBound
        self.separator = separator
    }

    /// The next element; nil behind the last.
    mutating func next(_ bytes: RawSpan) -> Range<Int>? {
        guard position <= end else { return nil }
        var start = position
        while position < end, bytes.byte(at: position) != separator { position &+= 1 }
        var stop = position
        position &+= 1
        while start < stop, ByteClass.isBlank(bytes.byte(at: start)) { start &+= 1 }
        while stop > start, ByteClass.isBlank(bytes.byte(at: stop &- 1)) { stop &-= 1 }
        return start..<stop
    }
}
