// SPDX-License-Identifier: Apache-2.0

/// A small file, and the lines of it that break a rule.
struct Sample {
    let rule: HouseRule
    let path: String
    let text: String
    let lines: [Int]

    init(_ rule: HouseRule, _ path: String, _ text: String, breaks lines: [Int]) {
        self.rule = rule
        self.path = path
        self.text = text
        self.lines = lines
    }

    static let all = layout + layers + bans + documentation

    private static let licence = "// SPDX-License-Identifier: Apache-2.0\n"

    private static func lines(_ count: Int) -> String {
        String(repeating: "let a = 1\n", count: count)
    }

    private static let layout = [
        Sample(.licenceLine, "weir/A.swift", licence, breaks: []),
        Sample(.licenceLine, "CLinux/a.c", licence, breaks: []),
        Sample(.licenceLine, "CZlib/module.modulemap", "module CZlib {}\n", breaks: []),
        Sample(.licenceLine, "CLinux/a.c", "#include <a.h>\n", breaks: [1]),
        Sample(.licenceLine, "weir/A.swift", "\n" + licence, breaks: [1]),
        Sample(.licenceLine, "weir/A.swift", "", breaks: [1]),
        Sample(.shortFiles, "weir/A.swift", lines(400), breaks: []),
        Sample(.shortFiles, "weir/A.swift", lines(401), breaks: [401]),
        Sample(.shortFunctions, "weir/A.swift", "func f() {\n\(lines(68))}\n", breaks: []),
        Sample(.shortFunctions, "weir/A.swift", "func f() {\n\(lines(69))}\n", breaks: [1]),
        Sample(
            .shortFunctions,
            "weir/A.swift",
            "struct S {\n    public init(\n        a: () -> Int = { 1 }\n    ) {\n\(lines(68))}\n}\n",
            breaks: [2]
        ),
        Sample(.shortFunctions, "weir/A.swift", "var v: Int {\n\(lines(69))}\n", breaks: [1]),
        Sample(
            .shortFunctions,
            "weir/A.swift",
            "protocol P {\n    func f()\n    var v: Int\n}\nstruct S {\n\(lines(80))}\n",
            breaks: []
        ),
        Sample(
            .shortFunctions,
            "weir/A.swift",
            "func f() {\n    a(\"}\") // }\n    b { $0 }\n\(lines(67))}\n",
            breaks: [1]
        ),
    ]

    private static let layers = [
        Sample(.unsafeBelow, "WeirProxy/A.swift", "let a = unsafe b\n", breaks: [1]),
        Sample(.unsafeBelow, "WeirHTTP/A.swift", "nonisolated(unsafe) var a = 1\n", breaks: [1]),
        Sample(.unsafeBelow, "weir/Weir.swift", "\"\\(unsafe a)\"\n", breaks: [1]),
        Sample(.unsafeBelow, "WeirProxy/A.swift", "// unsafe\nlet unsafely = 1\n", breaks: []),
        Sample(.unsafeBelow, "WeirIO/A.swift", "let a = unsafe b\n", breaks: []),
        Sample(.unsafeBelow, "WeirHTTP/ByteAccess.swift", "let a = unsafe b\n", breaks: []),
        Sample(.librariesBelow, "WeirProxy/A.swift", "import CLinux\n", breaks: [1]),
        Sample(.librariesBelow, "WeirHTTP/A.swift", "internal import CZlib.b\n", breaks: [1]),
        Sample(.librariesBelow, "WeirHTTP2/A.swift", "import CNGHTTP2\n", breaks: []),
        Sample(.librariesBelow, "WeirProxy/A.swift", "import Crypto\n", breaks: []),
        Sample(.noFoundation, "weir/A.swift", "public import Foundation\n", breaks: [1]),
        Sample(
            .noFoundation,
            "weir/A.swift",
            "let a = 1\n@preconcurrency import struct FoundationEssentials.Data\n",
            breaks: [2]
        ),
        Sample(.noFoundation, "weir/A.swift", "// import Foundation\nimport Glibc\n", breaks: []),
        Sample(.kernelBelow, "WeirProxy/A.swift", "import Glibc\n", breaks: [1]),
        Sample(.kernelBelow, "WeirConfiguration/A.swift", "import func Musl.exit\n", breaks: [1]),
        Sample(.kernelBelow, "WeirHTTP2/A.swift", "import Glibc\n", breaks: [1]),
        Sample(.kernelBelow, "WeirIO/A.swift", "import Glibc\n", breaks: []),
        Sample(.kernelBelow, "weir/A.swift", "import Glibc\n", breaks: []),
        Sample(.leavesAlone, "WeirHTTP/A.swift", "import WeirIO\n", breaks: [1]),
        Sample(.leavesAlone, "WeirHTTP2/A.swift", "import WeirHTTP\n", breaks: [1]),
        Sample(.leavesAlone, "WeirMetrics/A.swift", "public import WeirHTTP\n", breaks: [1]),
        Sample(.leavesAlone, "WeirProxy/A.swift", "import WeirHTTP\n", breaks: []),
        Sample(
            .noConcurrency,
            "WeirProxy/A.swift",
            "Task { }\nfunc f() async {}\nactor A {}\nlet a = await f()\n",
            breaks: [1, 2, 3, 4]
        ),
        Sample(
            .noConcurrency,
            "WeirProxy/A.swift",
            "/// No Task, no actor.\nlet asynchronous = \"async\"\n",
            breaks: []
        ),
        Sample(.noConcurrency, "weir/A.swift", "await f()\n", breaks: []),
    ]

    private static let bans = [
        Sample(.noPrint, "weir/A.swift", "print(1)\nif a { debugPrint(1) }\n", breaks: [1, 2]),
        Sample(.noPrint, "weir/A.swift", "\"\\(f { print(1) })\"\n", breaks: [1]),
        Sample(
            .noPrint,
            "weir/A.swift",
            "case print(String)\nself = .print(a)\nblueprint(1)\nfunc print(a: Int)\n\"print(1)\"\n",
            breaks: []
        ),
        Sample(.noFatalError, "weir/A.swift", "fatalError(\"no\")\n", breaks: [1]),
        Sample(.noFatalError, "weir/A.swift", "preconditionFailure(\"no\")\n", breaks: []),
        Sample(
            .noUncheckedSendable,
            "WeirProxy/A.swift",
            "final class A: @unchecked Sendable {}\n",
            breaks: [1]
        ),
        Sample(
            .noUncheckedSendable,
            "WeirIO/A.swift",
            "final class A: @unchecked Sendable {}\n",
            breaks: []
        ),
        Sample(.noForcedTry, "weir/A.swift", "let a = try! b()\n", breaks: [1]),
        Sample(.noForcedTry, "weir/A.swift", "let a = try b() // try! b()\n", breaks: []),
        Sample(
            .nothingLeftOver,
            "CLinux/a.c",
            "/* TODO */\n// FIXME: a\nint XXX;\n",
            breaks: [1, 2, 3]
        ),
        Sample(.nothingLeftOver, "weir/A.swift", "// what is to do\nlet TODOS = 1\n", breaks: []),
    ]

    private static let documentation = [
        Sample(
            .documentedTypes,
            "weir/A.swift",
            "public struct A {}\n\n// A class.\n@safe public final class B {}\n",
            breaks: [1, 4]
        ),
        Sample(
            .documentedTypes,
            "weir/A.swift",
            "/// One.\n    @safe\n    public indirect enum A {}\nstruct B {}\npublic let c = 1\n",
            breaks: []
        ),
    ]
}
