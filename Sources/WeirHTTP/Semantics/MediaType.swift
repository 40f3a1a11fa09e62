// SPDX-License-Identifier: Apache-2.0

/// What a `Content-Type` says of the bytes behind it (RFC 9110 §8.3.1).
enum MediaType {
    /// Whether the type at `value` is text, which compresses well; pictures, films and archives are
    /// compressed already.
    static func isText(_ bytes: RawSpan, _ value: Range<Int>) -> Bool {
        var parameters = ListElements(value, separator: UInt8(ascii: ";"))
        guard let type = parameters.next(bytes) else { return false }
        if type.count > 5, bytes.equals(type.prefix(5), lowercase: "text/") { return true }
        // RFC 6839: image/svg+xml, application/problem+json, application/openapi+yaml.
        if bytes.equals(type.suffix(5), lowercase: "+json")
            || bytes.equals(type.suffix(4), lowercase: "+xml")
            || bytes.equals(type.suffix(5), lowercase: "+yaml")
        {
            return true
        }
        guard type.count > 12, bytes.equals(type.prefix(12), lowercase: "application/") else {
            return false
        }
        return isTextOfApplication(bytes, type.dropFirst(12))
    }

    private static func isTextOfApplication(_ bytes: RawSpan, _ name: Range<Int>) -> Bool {
        bytes.equals(name, lowercase: "json") || bytes.equals(name, lowercase: "javascript")
            || bytes.equals(name, lowercase: "xml") || bytes.equals(name, lowercase: "yaml")
            || bytes.equals(name, lowercase: "x-ndjson") || bytes.equals(name, lowercase: "jsonl")
            || bytes.equals(name, lowercase: "x-javascript")
            || bytes.equals(name, lowercase: "ecmascript")
            || bytes.equals(name, lowercase: "xml-dtd")
            || bytes.equals(name, lowercase: "graphql") || bytes.equals(name, lowercase: "sql")
    }
}
