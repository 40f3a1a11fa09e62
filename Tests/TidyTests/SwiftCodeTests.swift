// SPDX-License-Identifier: Apache-2.0

import Testing

@Suite("Swift code") struct SwiftCodeTests {
    @Test(
        "keeps code in its place and blanks the rest",
        arguments: [
            ("a // b\nc", "a     \nc"),
            ("a /* b /* c */ d */ e", "a                   e"),
            ("a /* b\nc */ d", "a     \n     d"),
            (#"a("b")"#, "a(   )"),
            (#"a("\"b")c"#, "a(     )c"),
            (#"a("\(b)")c"#, "a(   b) )c"),
            (#"a("\(b("c"))d")e"#, "a(   b(   ))  )e"),
            (##"a(#"b"\"#)c"##, "a(       )c"),
            (##"a(#"\(b)\#(c)"#)d"##, "a(         c)  )d"),
            ("\"\"\"\na \"b\" // \\(c)\n\"\"\" d", "   \n           c)\n    d"),
            ("\"//\" a", "     a"),
            ("#if a", "#if a"),
            ("\"é\" a", "     a"),
            ("\"", " "),
            ("/*", "  "),
        ]
    )
    func blanking(_ text: String, _ code: String) {
        #expect(SwiftCode.blanking(text) == code)
    }
}
