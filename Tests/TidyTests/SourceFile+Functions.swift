// SPDX-License-Identifier: Apache-2.0

extension SourceFile {
    /// The numbers of the lines on which a function, initializer or computed property begins that
    /// is longer than that.
    func functionLineNumbers(longerThan lineCountMax: Int) -> [Int] {
        codeLines.indices.filter { index in
            guard Self.declaresBody(codeLines[index]) else { return false }
            let end = lastLine(ofBodyFrom: index) ?? index
            return end - index + 1 > lineCountMax
        }.map { $0 + 1 }
    }

    private static func declaresBody(_ line: Substring) -> Bool {
        let words = line.split { $0 == " " || $0 == "(" || $0 == "<" || $0 == "?" }
        let declaration = words.drop { word in
            word.hasPrefix("@") || modifiers.contains(String(word)) || word.hasSuffix(")")
        }
        return declaration.first.map { keywords.contains(String($0)) } ?? false
    }

    private static let keywords: Set = ["func", "init", "deinit", "subscript", "var"]
    private static let modifiers: Set = [
        "public", "internal", "private", "fileprivate", "static", "class", "final", "override",
        "mutating", "consuming", "borrowing", "nonmutating", "nonisolated", "convenience",
        "required", "lazy", "weak", "unowned", "prefix", "postfix", "infix",
    ]

    /// The line of the brace that closes the body; `nil` for a requirement or a stored property.
    private func lastLine(ofBodyFrom start: Int) -> Int? {
        var braces = 0
        var parentheses = 0
        for index in start..<codeLines.count {
            if index > start, braces == 0, parentheses == 0, Self.declaresBody(codeLines[index]) {
                return nil
            }
            for character in codeLines[index] {
                switch character {
                case "(", "[": parentheses += 1
                case ")", "]": parentheses -= 1
                case "{" where parentheses == 0 || braces > 0: braces += 1
                case "}" where parentheses == 0 || braces > 0:
                    braces -= 1
                    if braces == 0 { return index }
                    if braces < 0 { return nil }
                default: break
                }
            }
        }
        return nil
    }
}
