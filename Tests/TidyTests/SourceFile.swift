// SPDX-License-Identifier: Apache-2.0

import Foundation

/// A file below `Sources`, read once.
struct SourceFile: Sendable {
    /// Its path from `Sources` on, `WeirIO/Descriptor.swift`.
    let path: String
    /// Its lines as they are written.
    let lines: [Substring]
    /// The same lines without comments and string literals; of Swift files only.
    let codeLines: [Substring]

    /// A file that need not exist.
    init(path: String, text: String) {
        self.path = path
        lines = Self.lines(of: text)
        codeLines = path.hasSuffix(".swift") ? Self.lines(of: SwiftCode.blanking(text)) : []
    }

    /// Every source file of weir.
    static let all: [SourceFile] = {
        let sources = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../../Sources").standardizedFileURL
        let paths = FileManager.default.enumerator(atPath: sources.path) ?? .init()
        return paths.compactMap { $0 as? String }.sorted().compactMap { path in
            guard [".swift", ".c", ".h", ".modulemap"].contains(where: path.hasSuffix),
                let text = try? String(contentsOf: sources.appending(path: path), encoding: .utf8)
            else { return nil }
            return SourceFile(path: path, text: text)
        }
    }()

    /// The target that the file belongs to.
    var module: Substring { path.prefix { $0 != "/" } }

    var isSwift: Bool { path.hasSuffix(".swift") }

    private static func lines(of text: String) -> [Substring] {
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        if lines.last?.isEmpty == true { lines.removeLast() }
        return lines
    }
}
