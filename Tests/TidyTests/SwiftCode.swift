// SPDX-License-Identifier: Apache-2.0

/// The code of a Swift file: the same text with comments and string literals blanked.
///
/// Lines and columns stay where they are. What is interpolated into a string is code and is kept.
struct SwiftCode {
    private let source: [UInt8]
    private var code: [UInt8] = []

    /// Blanks a text, in one pass.
    static func blanking(_ text: String) -> String {
        var code = SwiftCode(source: Array(text.utf8))
        code.copyCode()
        return String(decoding: code.code, as: UTF8.self)
    }

    private init(source: [UInt8]) {
        self.source = source
    }

    private var index: Int { code.count }

    private func isNext(_ text: String) -> Bool {
        source[index...].starts(with: text.utf8)
    }

    private mutating func keep() {
        code.append(source[index])
    }

    private mutating func blank(_ count: Int = 1) {
        for byte in source[index...].prefix(count) {
            code.append(byte == UInt8(ascii: "\n") ? byte : UInt8(ascii: " "))
        }
    }

    /// Copies to the end, or to the parenthesis that closes an interpolation.
    private mutating func copyCode() {
        var depth = 0
        while index < source.count {
            if isNext("//") {
                while index < source.count, !isNext("\n") { blank() }
            } else if isNext("/*") {
                blankBlockComment()
            } else if let hashes = hashesOfLiteral() {
                blankLiteral(hashes: hashes)
            } else {
                if isNext("(") { depth += 1 }
                if isNext(")") { depth -= 1 }
                keep()
                if depth < 0 { return }
            }
        }
    }

    /// Block comments nest.
    private mutating func blankBlockComment() {
        var depth = 0
        while index < source.count {
            if isNext("/*") {
                depth += 1
                blank(2)
            } else if isNext("*/") {
                depth -= 1
                blank(2)
            } else {
                blank()
            }
            if depth == 0 { return }
        }
    }

    /// How many `#` stand before the quote of a literal that begins here; `nil` if none does.
    private func hashesOfLiteral() -> Int? {
        let hashes = source[index...].prefix { $0 == UInt8(ascii: "#") }
        guard hashes.endIndex < source.count, source[hashes.endIndex] == UInt8(ascii: "\"") else {
            return nil
        }
        return hashes.count
    }

    private mutating func blankLiteral(hashes: Int) {
        let marks = String(repeating: "#", count: hashes)
        blank(hashes)
        let quote = isNext("\"\"\"") ? "\"\"\"" : "\""
        blank(quote.utf8.count)
        while index < source.count {
            if isNext(quote + marks) {
                blank(quote.utf8.count + hashes)
                return
            } else if isNext("\\\(marks)(") {
                blank(hashes + 2)
                copyCode()
            } else if isNext("\\\(marks)") {
                blank(hashes + 2)
            } else {
                blank()
            }
        }
    }
}
