// SPDX-License-Identifier: Apache-2.0

extension SourceFile {
    /// The numbers, from 1, of the code lines that match.
    func codeLineNumbers(where matches: (Substring) -> Bool) -> [Int] {
        codeLines.indices.filter { matches(codeLines[$0]) }.map { $0 + 1 }
    }

    /// The numbers of the import lines whose module matches.
    func importLineNumbers(where matches: (Substring) -> Bool) -> [Int] {
        codeLineNumbers { line in Self.importedModule(line).map(matches) ?? false }
    }

    /// `Glibc` in `internal import struct Glibc.timespec`.
    private static func importedModule(_ line: Substring) -> Substring? {
        let words = line.split(separator: " ")
        guard let keyword = words.firstIndex(of: "import"),
            words[..<keyword].allSatisfy({ word in
                word.hasPrefix("@")
                    || ["public", "internal", "private", "fileprivate"].contains(word)
            })
        else { return nil }
        let kinds = ["struct", "class", "enum", "protocol", "typealias", "func", "let", "var"]
        let name = words[(keyword + 1)...].first { !kinds.contains(String($0)) }
        return name?.prefix { $0 != "." }
    }

    /// The numbers of the code lines with one of the words; a word may end in `(` or begin with
    /// `@`.
    func wordLineNumbers(_ words: String...) -> [Int] {
        codeLineNumbers { line in
            words.contains { word in line.ranges(of: word).contains { Self.isWhole($0, in: line) } }
        }
    }

    /// The numbers of the lines with one of the words, comments included.
    func markLineNumbers(_ words: String...) -> [Int] {
        lines.indices.filter { index in
            let line = lines[index]
            return words.contains { word in
                line.ranges(of: word).contains { Self.isWhole($0, in: line) }
            }
        }.map { $0 + 1 }
    }

    private static func isWhole(_ range: Range<Substring.Index>, in line: Substring) -> Bool {
        let before = line[..<range.lowerBound].last
        let after = line[range.upperBound...].first
        let endsOpen = line[range].last.map(isPartOfName) ?? false
        return !(before.map(isPartOfName) ?? false)
            && !(endsOpen && after.map(isPartOfName) ?? false)
    }

    private static func isPartOfName(_ character: Character) -> Bool {
        character.isLetter || character.isNumber || character == "_"
    }

    /// The numbers of the lines where a call of a free function stands.
    ///
    /// `.name(` is a member or a case, `func name(` and `case name(` are declarations.
    func callLineNumbers(_ names: String...) -> [Int] {
        codeLineNumbers { line in
            names.contains { name in
                line.ranges(of: "\(name)(").contains { range in
                    let before = line[..<range.lowerBound]
                    return Self.isWhole(range, in: line) && before.last != "."
                        && !before.hasSuffix("func ") && !before.hasSuffix("case ")
                }
            }
        }
    }

    /// The numbers of the lines on which a public type begins that has no `///` above it.
    var undocumentedTypeLineNumbers: [Int] {
        let kinds: Set<Substring> = ["struct", "class", "enum", "protocol", "actor", "typealias"]
        return codeLines.indices.filter { index in
            let words = codeLines[index].split(separator: " ").filter { !$0.hasPrefix("@") }
            guard words.first == "public",
                let kind = words.dropFirst().first(where: { !["final", "indirect"].contains($0) }),
                kinds.contains(kind)
            else { return false }
            let above = lines[..<index].last { !Self.trimmed($0).hasPrefix("@") }
            return !(above.map { Self.trimmed($0).hasPrefix("///") } ?? false)
        }.map { $0 + 1 }
    }

    static func trimmed(_ line: Substring) -> Substring {
        line.drop { $0 == " " }
    }
}
