// SPDX-License-Identifier: Apache-2.0

/// A rule that every file below `Sources` keeps (style.md, P15).
enum HouseRule: CaseIterable {
    case licenceLine
    case shortFiles
    case shortFunctions
    case unsafeBelow
    case librariesBelow
    case noFoundation
    case kernelBelow
    case leavesAlone
    case noConcurrency
    case noPrint
    case noFatalError
    case noUncheckedSendable
    case noForcedTry
    case nothingLeftOver
    case documentedTypes

    /// What is wrong, and what to do instead.
    var sentence: String {
        switch self {
        case .licenceLine:
            "the first line is no licence; begin with // SPDX-License-Identifier: Apache-2.0"
        case .shortFiles:
            "over \(Self.lineCountMax) lines; move a topic into Type+Topic.swift"
        case .shortFunctions:
            "over \(Self.functionLineCountMax) lines from here; name a part of it, and call that"
        case .unsafeBelow:
            "unsafe code outside the layer that faces C; wrap it in a @safe type of WeirIO"
        case .librariesBelow:
            "a C module outside the layer that faces C; call the @safe type that wraps it"
        case .noFoundation:
            "Foundation; use the standard library, and WeirIO for what the kernel knows"
        case .kernelBelow:
            "libc outside WeirIO and weir; call the type of WeirIO that wraps it, or add one"
        case .leavesAlone:
            "a leaf that knows another module of weir; pass in the value, or move the type up"
        case .noConcurrency:
            "Swift concurrency on the event loops; use a step, a timer of the loop, or a thread"
        case .noPrint:
            "print; write diagnostics through the log, and output through StandardStream"
        case .noFatalError:
            "fatalError; use precondition for a bug, and a typed error for a failure"
        case .noUncheckedSendable:
            "@unchecked Sendable outside WeirIO; make it a value, or give it to one thread"
        case .noForcedTry:
            "try!; use do and catch, and precondition where a failure would be a bug"
        case .nothingLeftOver:
            "a leftover mark; do it now, or open an issue"
        case .documentedTypes:
            "a public type without documentation; say in one sentence what it is"
        }
    }

    private static let lineCountMax = 400
    private static let functionLineCountMax = 70
    private static let modulesFacingC: Set<Substring> = ["WeirIO", "WeirHTTP2", "WeirCompression"]
    /// Single files that may be unsafe, each for the reason that it states itself.
    private static let unsafeFiles: Set = [
        "WeirHTTP/ByteAccess.swift", "weir/ProcessEnvironment.swift", "weir/StandardStream.swift",
    ]
    private static let modulesOnLoops: Set<Substring> = [
        "WeirIO", "WeirHTTP", "WeirHTTP2", "WeirCompression", "WeirMetrics", "WeirProxy",
    ]

    private static let leaves: Set<Substring> = [
        "WeirHTTP", "WeirHTTP2", "WeirCompression", "WeirMetrics",
    ]

    /// The numbers of the lines, from 1, where the file breaks the rule.
    func lineNumbers(in file: SourceFile) -> [Int] {
        let facesC = Self.modulesFacingC.contains(file.module)
        switch self {
        case .licenceLine:
            // A module map is one declaration, with nothing in it to license.
            let isLicensed = file.lines.first == "// SPDX-License-Identifier: Apache-2.0"
            return isLicensed || file.path.hasSuffix(".modulemap") ? [] : [1]
        case .shortFiles:
            return file.lines.count > Self.lineCountMax ? [Self.lineCountMax + 1] : []
        case .shortFunctions:
            return file.functionLineNumbers(longerThan: Self.functionLineCountMax)
        case .unsafeBelow:
            let mayBeUnsafe = facesC || Self.unsafeFiles.contains(file.path)
            return mayBeUnsafe ? [] : file.wordLineNumbers("unsafe")
        case .librariesBelow:
            return facesC ? [] : file.importLineNumbers(where: Self.isCModule)
        case .noFoundation:
            return file.importLineNumbers { $0.hasPrefix("Foundation") }
        case .kernelBelow:
            guard !["WeirIO", "weir"].contains(file.module) else { return [] }
            return file.importLineNumbers { ["Glibc", "Musl", "Darwin"].contains($0) }
        case .leavesAlone:
            guard Self.leaves.contains(file.module) else { return [] }
            return file.importLineNumbers { $0.hasPrefix("Weir") }
        case .noConcurrency:
            guard Self.modulesOnLoops.contains(file.module) else { return [] }
            return file.wordLineNumbers(
                "Task",
                "TaskGroup",
                "MainActor",
                "async",
                "actor",
                "await"
            )
        case .noPrint:
            return file.callLineNumbers("print", "debugPrint", "dump")
        case .noFatalError:
            return file.callLineNumbers("fatalError")
        case .noUncheckedSendable:
            return file.module == "WeirIO" ? [] : file.wordLineNumbers("@unchecked")
        case .noForcedTry:
            return file.wordLineNumbers("try!")
        case .nothingLeftOver:
            return file.markLineNumbers("FIXME", "TODO", "XXX")
        case .documentedTypes:
            return file.undocumentedTypeLineNumbers
        }
    }

    /// `CLinux`, `CZlib`: a C, and a capital after it.
    private static func isCModule(_ name: Substring) -> Bool {
        name.first == "C" && name.dropFirst().first?.isUppercase == true
    }
}
