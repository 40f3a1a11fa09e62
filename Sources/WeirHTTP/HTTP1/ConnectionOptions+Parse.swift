// SPDX-License-Identifier: Apache-2.0

extension ConnectionOptions {
    /// How many options other than the known ones `Connection` may have, over all its lines.
    ///
    /// Each one is compared with every field of the message; nobody needs more than two.
    static var namedCountMax: Int { 16 }

    /// Adds what a value of `Connection` says, a list of tokens (RFC 9110 §7.6.1).
    ///
    /// Empty list elements are passed over, as RFC 9110 §5.6.1.2 asks of a recipient. Options
    /// that name a field are counted in `named`.
    @inline(__always)
    mutating func read(
        _ bytes: RawSpan,
        _ value: Range<Int>,
        named: inout Int
    ) throws(HeadError) {
        // A value has no control bytes, so that folding by `| 0x20` is exact for these two.
        let fold: UInt64 = 0x2020_2020_2020_2020
        let start = value.lowerBound
        if value.count == 10,
            bytes.eightBytes(at: start) | fold == UInt64(ascii: "keep-ali"),
            bytes.eightBytes(at: start &+ 2) | fold == UInt64(ascii: "ep-alive")
        {
            formUnion(.keepAlive)
        } else if value.count == 5,
            bytes.word(at: start, count: 5) | fold &>> 24 == UInt64(ascii: "close")
        {
            formUnion(.close)
        } else {
            try readList(bytes, value, named: &named)
        }
    }

    @inline(never)
    private mutating func readList(
        _ bytes: RawSpan,
        _ value: Range<Int>,
        named: inout Int
    ) throws(HeadError) {
        var elements = ListElements(value)
        while let element = elements.next(bytes) {
            for offset in element where !ByteClass.isToken(bytes.byte(at: offset)) {
                throw .malformedConnection
            }
            if bytes.equals(element, lowercase: "close") {
                formUnion(.close)
            } else if bytes.equals(element, lowercase: "keep-alive") {
                formUnion(.keepAlive)
            } else if bytes.equals(element, lowercase: "upgrade") {
                formUnion(.upgrade)
            } else if !element.isEmpty {
                named += 1
                guard named <= Self.namedCountMax else { throw .tooManyConnectionOptions }
            }
        }
    }
}
