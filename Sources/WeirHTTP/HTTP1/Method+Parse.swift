// SPDX-License-Identifier: Apache-2.0

extension Method {
    /// The method a token stands for; methods are case-sensitive (RFC 9110 §9.1).
    @inline(__always)
    init(_ bytes: RawSpan, from start: Int, to end: Int) {
        let length = end &- start
        let word = length <= 8 ? bytes.word(at: start, count: length) : 0
        self =
            switch word {
            case UInt64(ascii: "GET"): .get
            case UInt64(ascii: "POST"): .post
            case UInt64(ascii: "HEAD"): .head
            case UInt64(ascii: "PUT"): .put
            case UInt64(ascii: "DELETE"): .delete
            case UInt64(ascii: "PATCH"): .patch
            case UInt64(ascii: "OPTIONS"): .options
            case UInt64(ascii: "CONNECT"): .connect
            case UInt64(ascii: "TRACE"): .trace
            default: .other
            }
    }
}
