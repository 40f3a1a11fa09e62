// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import WeirProxy

@Suite("Log") struct LogTests {
    @Test(
        "quotes what could be taken for something else, and keeps a line one line",
        arguments: [
            ("plain", "plain"), ("", "\"\""), ("two words", "\"two words\""),
            ("a=b", "\"a=b\""), ("say \"hi\"", #""say \"hi\"""#), ("a\nb", #""a\nb""#),
        ]
    )
    func quotes(value: String, written: String) {
        #expect(Log.quoted(value) == written)
    }
}
