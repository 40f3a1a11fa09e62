// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import WeirHTTP

@Suite("Host syntax (RFC 9110 §7.2, RFC 3986 §3.2)")
struct HostSyntaxTests {
    private func isValid(_ host: String) -> Bool {
        let text = TestBytes(host)
        let alone = text.withSpan { HostSyntax.isValid($0, 0..<text.count) }
        let amid = TestBytes("[" + host + "]:1")
        let within = amid.withSpan { HostSyntax.isValid($0, 1..<(text.count + 1)) }
        #expect(alone == within)
        return alone
    }

    @Test(
        "takes",
        arguments: [
            "a", "example.org", "EXAMPLE.org:80", "a-b.c", "127.0.0.1:65535", "a:", "a:0",
            "a:00080",
            "a_b", "a~!$&'()*+,;=b", "%41", "a%2Fb:1", "999.1.1.1", "[::]", "[::1]:80", "[1::]",
            "[1:2:3:4:5:6:7:8]", "[1:2:3:4:5:6:7::]", "[::2:3:4:5:6:7:8]", "[2001:DB8::a]:",
            "[::ffff:1.2.3.4]", "[1:2:3:4:5:6:1.2.3.4]", "[64:ff9b::255.255.255.0]",
        ]
    )
    func takes(host: String) {
        #expect(isValid(host))
    }

    @Test(
        "refuses",
        arguments: [
            "", ":", ":80", "a:65536", "a:99999999999999999999", "a:000080", "a:b", "a:1:2", "a:-1",
            "a: 1",
            "a b", "a/b", "a\\b", "a?b", "a#b", "u@h", "a<b", "a\"b", "a^b", "a|b", "a`b", "a{b}",
            "%", "%4", "%4g", "a%", "é", "[", "[]", "[::1", "::1", "1:2:3:4:5:6:7:8", "[::1]a",
            "[::1]80", "[1]", "[1:2:3:4:5:6:7]", "[1:2:3:4:5:6:7:8:9]", "[1:2:3:4:5:6:7:8::]",
            "[::1::]", "[:::]", "[:1:2:3:4:5:6:7]", "[1:2:3:4:5:6:7:]", "[12345::]", "[g::]",
            "[::1.2.3]", "[::1.2.3.4.5]", "[::1.2.3.256]", "[::01.2.3.4]", "[1.2.3.4]",
            "[1:2:3:4:5:6:7:1.2.3.4]", "[::1.2.3.4:5]", "[::1%25eth0]", "[v1.a]", "[ ::1]",
            "[::1]]",
        ]
    )
    func refuses(host: String) {
        #expect(!isValid(host))
    }

    @Test(
        "finds the port, where there is one",
        arguments: [
            ("a", nil), ("a:", nil), ("a:1", "1"), ("a:65535", "65535"), ("a:00080", "00080"),
            ("1.2.3.4", nil), ("1.2.3.4:80", "80"), ("[::1]", nil), ("[::1]:8080", "8080"),
            ("[1:2:3:4:5:6:7:8]", nil), ("[::1]:", nil), ("12345", nil), ("a;b:8", "8"),
            (";,", nil), (";80", nil), (";;;;;;80", nil),
        ] as [(String, String?)]
    )
    func findsPort(host: String, port: String?) {
        let text = TestBytes("A\r\nHost:" + host + "\r\n")
        let range = text.withSpan { HostSyntax.port($0, 8..<(8 + host.utf8.count)) }
        #expect(range.map { String(decoding: text.bytes[$0], as: UTF8.self) } == port)
    }

    @Test("bounds its length")
    func boundsLength() {
        let name = String(repeating: "a", count: 261)
        #expect(isValid(name))
        #expect(!isValid(name + "a"))
    }

    @Test(
        "is asked of the Host field, by both versions",
        arguments: ["", "a b", "a,b:x", "[::1", "a:65536", "\"a\"", "a/b", "http://a"]
    )
    func isAsked(host: String) {
        for version in ["1.0", "1.1"] {
            let text = TestBytes("GET / HTTP/\(version)\r\nHost: \(host)\r\n\r\n")
            #expect(RequestSnapshot(text).progress == .refused(.malformedHost))
        }
    }
}
