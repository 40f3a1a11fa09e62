// SPDX-License-Identifier: Apache-2.0

import Testing
import WeirIO

@Suite("IP address") struct IPAddressTests {
    @Test(
        "is read from its text and written as RFC 5952 asks",
        arguments: [
            ("127.0.0.1", "127.0.0.1"), ("2001:DB8:0:0:0:0:0:1", "2001:db8::1"), ("::", "::"),
            ("::ffff:10.0.0.1", "10.0.0.1"), ("255.255.255.255", "255.255.255.255"),
        ]
    )
    func reads(text: String, written: String) {
        #expect(IPAddress(text)?.description == written)
    }

    @Test(
        "is not read from anything else",
        arguments: [
            "", "1.2.3", "1.2.3.256", "01.2.3.4", "1.2.3.4 ", "[::1]", "fe80::1%eth0", "localhost",
            "1.2.3.4:80", "0x7f.1", "12345::", "1.2.3.4\0", "1.2.3.4\0x",
        ]
    )
    func refuses(text: String) {
        #expect(IPAddress(text) == nil)
    }

    @Test("is read from four or sixteen bytes in network order, and from no other count")
    func readsBytes() {
        #expect(IPAddress(networkOrder: [10, 0, 0, 7])?.description == "10.0.0.7")
        let ipv6: [UInt8] = [0x20, 0x01, 0x0D, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9]
        #expect(IPAddress(networkOrder: ipv6)?.description == "2001:db8::9")
        #expect(IPAddress(networkOrder: ipv6.dropLast()) == nil)
        #expect(IPAddress(networkOrder: [UInt8]()) == nil)
    }

    @Test(
        "is loopback in 127.0.0.0/8 and as ::1",
        arguments: [
            ("127.0.0.1", true), ("127.9.9.9", true), ("::1", true), ("::ffff:127.0.0.1", true),
            ("128.0.0.1", false), ("126.255.255.255", false), ("::2", false), ("::", false),
        ]
    )
    func isLoopback(text: String, expected: Bool) {
        #expect(IPAddress(text)?.isLoopback == expected)
    }
}

@Suite("IP network") struct IPNetworkTests {
    private func block(_ text: String, _ length: Int) -> IPNetwork? {
        IPAddress(text).flatMap { IPNetwork($0, prefixLength: length) }
    }

    @Test(
        "holds the addresses that share its first bits",
        arguments: [
            ("10.0.0.0", 8, "10.255.255.255", "11.0.0.0"),
            ("10.1.2.0", 23, "10.1.3.255", "10.1.4.0"),
            ("10.1.2.3", 32, "10.1.2.3", "10.1.2.2"),
            ("0.0.0.0", 0, "255.255.255.255", "::1"),
            ("::", 0, "ffff::", "1.2.3.4"),
            ("2001:db8::", 32, "2001:db8:ffff::1", "2001:db9::"),
            ("2001:db8:0:1::", 64, "2001:db8:0:1::9", "2001:db8:0:2::9"),
            ("2001:db8::8000", 113, "2001:db8::ffff", "2001:db8::7fff"),
            ("::1", 128, "::1", "::2"),
        ]
    )
    func holds(text: String, length: Int, inside: String, outside: String) throws {
        let network = try #require(block(text, length))
        let (inner, outer) = (try #require(IPAddress(inside)), try #require(IPAddress(outside)))
        #expect(network.contains(inner))
        #expect(!network.contains(outer))
    }

    @Test("is refused with bits behind its prefix, or a prefix that is too long")
    func refuses() {
        #expect(block("10.0.0.1", 8) == nil)
        #expect(block("10.0.0.0", 33) == nil)
        #expect(block("10.0.0.0", -1) == nil)
        #expect(block("::", 129) == nil)
        #expect(block("2001:db8::1", 64) == nil)
    }
}
