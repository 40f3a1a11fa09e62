// SPDX-License-Identifier: Apache-2.0

extension FieldSection {
    /// Marks the fields that `Connection` names, so that they are not forwarded.
    ///
    /// A field with a kind of its own keeps it: it is dropped or rebuilt anyway, or must stay.
    @inline(never)
    mutating func dropNamedFields(_ bytes: RawSpan) {
        for index in 0..<count where lines[index].kind == .connection {
            var elements = ListElements(lines[index].value)
            while let element = elements.next(bytes) {
                if !element.isEmpty, !Self.isProtected(bytes, element) { drop(bytes, element) }
            }
        }
    }

    private mutating func drop(_ bytes: RawSpan, _ name: Range<Int>) {
        for index in 0..<count
        where lines[index].kind.isEmpty && bytes.sameToken(lines[index].name, name) {
            mark(index, as: .named)
        }
    }

    /// Fields that are meant for the recipient of the content, or that tell it who asks.
    ///
    /// A sender must not name them in `Connection` (RFC 9110 §7.6.1); were they dropped, a
    /// client could take away what a proxy in front of weir has added.
    private static func isProtected(_ bytes: RawSpan, _ name: Range<Int>) -> Bool {
        switch name.count {
        case 3: bytes.equals(name, lowercase: "via")
        case 6: bytes.equals(name, lowercase: "cookie")
        case 10:
            bytes.equals(name, lowercase: "set-cookie")
                || bytes.equals(name, lowercase: "tracestate")
        case 11: bytes.equals(name, lowercase: "traceparent")
        case 12:
            bytes.equals(name, lowercase: "content-type")
                || bytes.equals(name, lowercase: "x-request-id")
        case 13:
            bytes.equals(name, lowercase: "authorization")
                || bytes.equals(name, lowercase: "cache-control")
        case 15: bytes.equals(name, lowercase: "x-request-start")
        case 16: bytes.equals(name, lowercase: "content-encoding")
        default: false
        }
    }
}
