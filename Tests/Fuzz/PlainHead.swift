// SPDX-License-Identifier: Apache-2.0

import WeirHTTP

/// A message head read slowly and plainly, line by line, to hold the fast parsers against.
struct PlainHead {
    /// A field line, without its CRLF.
    struct Field: Equatable {
        /// In lower case.
        let name: String
        /// Without the white space around it.
        let value: [UInt8]
        /// The line as it stands there.
        let line: [UInt8]
    }

    let startLine: [UInt8]
    let fields: [Field]

    /// Nil for what is no head: lines that end in CRLF and have no other control byte than tabs
    /// in values, names that are tokens in front of a colon, and an empty line at the very end.
    init?(_ bytes: some Collection<UInt8>) {
        guard let lines = Self.lines(of: Array(bytes)), lines.count >= 2 else { return nil }
        startLine = lines[0]
        var fields: [Field] = []
        for (index, line) in lines.enumerated().dropFirst() {
            if line.isEmpty {
                guard index == lines.count - 1 else { return nil }
                break
            }
            guard index < lines.count - 1, let field = Self.field(line) else { return nil }
            fields.append(field)
        }
        self.fields = fields
    }

    /// The values of all fields of a name, which is in lower case.
    func values(_ name: String) -> [[UInt8]] {
        fields.filter { $0.name == name }.map(\.value)
    }

    /// The elements of a list of tokens, in lower case, over all lines of the field.
    func tokens(_ name: String) -> Set<String> {
        let elements = values(name).flatMap { $0.split(separator: UInt8(ascii: ",")) }
        return Set(elements.map { Self.text(Self.trimmed($0)).lowercased() })
    }

    /// Whether `text` is a version of HTTP/1 that is read as `version` (RFC 9110 §2.5).
    func names(_ version: HTTPVersion, in text: ArraySlice<UInt8>) -> Bool {
        guard text.count == 8, text.starts(with: Array("HTTP/1.".utf8)), let minor = text.last
        else { return false }
        return version == .http10 ? minor == 0x30 : 0x31...0x39 ~= minor
    }

    static func text(_ bytes: some Collection<UInt8>) -> String {
        String(decoding: bytes, as: UTF8.self)
    }

    /// The lines without their CRLF; nil when a CR or LF stands alone or the last has no CRLF.
    private static func lines(of bytes: [UInt8]) -> [[UInt8]]? {
        var lines: [[UInt8]] = []
        var start = 0
        for offset in bytes.indices {
            let follows = offset > start && bytes[offset - 1] == 0x0D
            if bytes[offset] == 0x0A {
                guard follows else { return nil }
                lines.append(Array(bytes[start..<(offset - 1)]))
                start = offset + 1
            } else if follows {
                return nil
            }
        }
        return start == bytes.count ? lines : nil
    }

    private static func field(_ line: [UInt8]) -> Field? {
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")), colon > 0,
            line[..<colon].allSatisfy(isToken)
        else { return nil }
        let value = line[(colon + 1)...]
        guard value.allSatisfy({ $0 == 0x09 || $0 >= 0x20 && $0 != 0x7F }) else { return nil }
        return Field(name: text(line[..<colon]).lowercased(), value: trimmed(value), line: line)
    }

    static func trimmed(_ bytes: some Collection<UInt8>) -> [UInt8] {
        let isBlank: (UInt8) -> Bool = { $0 == 0x20 || $0 == 0x09 }
        return Array(Array(bytes.drop(while: isBlank)).reversed().drop(while: isBlank).reversed())
    }

    static func isToken(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        default: tokenMarks.contains(byte)
        }
    }

    private static let tokenMarks: [UInt8] = Array("!#$%&'*+-.^_`|~".utf8)
}
