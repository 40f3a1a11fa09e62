// SPDX-License-Identifier: Apache-2.0

extension RequestHead {
    /// Tells the forms of a request-target apart and checks them (RFC 9112 §3.2).
    @inline(__always)
    mutating func settleTarget(_ bytes: RawSpan) throws(HeadError) {
        form = .origin
        path = target
        host = nil
        if bytes.byte(at: target.lowerBound) != UInt8(ascii: "/") {
            try settleRareTarget(bytes)
        }
    }

    @inline(never)
    private mutating func settleRareTarget(_ bytes: RawSpan) throws(HeadError) {
        if bytes.byte(at: target.lowerBound) == UInt8(ascii: "*") {
            guard target.count == 1, method == .options else { throw .malformedTarget }
            form = .asterisk
            return
        }
        guard let authority = Self.startOfAuthority(bytes, target) else { throw .malformedTarget }
        var end = authority
        while end < target.upperBound {
            let byte = bytes.byte(at: end)
            if byte == UInt8(ascii: "/") || byte == UInt8(ascii: "?") { break }
            end &+= 1
        }
        // User information has an `@`, which no host has: refused, as RFC 9110 §4.2.4 advises.
        guard HostSyntax.isValid(bytes, authority..<end) else { throw .malformedTarget }
        form = .absolute
        host = authority..<end
        path = end..<target.upperBound
    }

    /// The offset behind `http://` or `https://`, in whatever case; nil for any other scheme.
    private static func startOfAuthority(_ bytes: RawSpan, _ target: Range<Int>) -> Int? {
        let plain = target.prefix(7)
        if bytes.equals(plain, lowercase: "http://") { return plain.upperBound }
        let secure = target.prefix(8)
        return bytes.equals(secure, lowercase: "https://") ? secure.upperBound : nil
    }
}
