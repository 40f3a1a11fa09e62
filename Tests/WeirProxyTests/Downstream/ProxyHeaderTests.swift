// SPDX-License-Identifier: Apache-2.0

import Testing
import WeirIO

@testable import WeirProxy

@Suite("PROXY header") struct ProxyHeaderTests {
    private static let signature: [UInt8] = Array("\r\n\r\n\0\r\nQUIT\n".utf8)

    /// A header of version 2.
    private static func version2(
        _ command: UInt8,
        _ family: UInt8,
        _ block: [UInt8]
    ) -> [UInt8] {
        signature + [command, family, UInt8(block.count >> 8), UInt8(block.count & 255)] + block
    }

    private static let ipv4: [UInt8] = [192, 0, 2, 1, 10, 0, 0, 1, 0xC0, 0x00, 0x1F, 0x40]

    private func ends(_ progress: ProxyHeader.Progress) -> ProxyHeader.Ends? {
        if case .complete(_, let ends) = progress { ends } else { nil }
    }

    @Test("of version 1 names client and ports (§2.1)")
    func readsVersion1() {
        let line = Array("PROXY TCP4 192.0.2.1 10.0.0.1 49152 8000\r\n".utf8)
        let progress = ProxyHeader.parse(line + Array("GET / HTTP/1.1\r\n".utf8))
        #expect(ends(progress)?.source.description == "192.0.2.1")
        #expect(ends(progress)?.sourcePort == 49_152)
        #expect(ends(progress)?.destinationPort == 8000)
        for cut in 0..<line.count {
            #expect(ProxyHeader.parse(Array(line[..<cut])) == .incomplete)
        }
    }

    @Test(
        "of version 1 may be IPv6, mapped, or unknown",
        arguments: [
            ("PROXY TCP6 2001:db8::1 ::1 1 2\r\n", "2001:db8::1"),
            ("PROXY TCP6 ::ffff:192.0.2.1 ::1 0 65535\r\n", "192.0.2.1"),
            ("PROXY UNKNOWN\r\n", nil),
            ("PROXY UNKNOWN ffff::f ffff::f 65535 65535\r\n", nil),
        ] as [(String, String?)]
    )
    func readsOthers(line: String, source: String?) {
        let progress = ProxyHeader.parse(Array(line.utf8))
        guard case .complete(line.utf8.count, let ends) = progress else {
            Issue.record("\(progress)")
            return
        }
        #expect(ends?.source.description == source)
    }

    @Test(
        "of version 1 is refused when it is not exactly one",
        arguments: [
            "GET / HTTP/1.1\r\n", "PROXY TCP4 192.0.2.1 10.0.0.1 49152\r\n",
            "PROXY TCP4 192.0.2.1 10.0.0.1 49152 8000 \r\n", "PROXY  TCP4 1.1.1.1 2.2.2.2 1 2\r\n",
            "PROXY TCP4 192.0.2.1 10.0.0.1 49152 65536\r\n", "PROXY TCP4 1.1.1.1 2.2.2.2 01 2\r\n",
            "PROXY TCP4 192.0.2.256 10.0.0.1 1 2\r\n", "PROXY TCP4 ::1 ::1 1 2\r\n",
            "PROXY TCP6 1.1.1.1 2.2.2.2 1 2\r\n", "PROXY UDP4 1.1.1.1 2.2.2.2 1 2\r\n",
            "PROXY TCP4 1.1.1.1 2.2.2.2 1 2\n", "PROXY TCP4 1.1.1.1 2.2.2.2 +1 2\r\n",
            "proxy TCP4 1.1.1.1 2.2.2.2 1 2\r\n", "PROXY\tTCP4", "PROXY UNKNOWN\n",
        ]
    )
    func refusesVersion1(line: String) {
        #expect(ProxyHeader.parse(Array(line.utf8)) == .malformed)
    }

    @Test("of version 1 has at most 107 bytes")
    func boundsVersion1() {
        let line = { (count: Int) in
            Array(("PROXY UNKNOWN " + String(repeating: "x", count: count - 16) + "\r\n").utf8)
        }
        #expect(ProxyHeader.parse(line(107)) == .complete(length: 107, nil))
        #expect(ProxyHeader.parse(line(108)) == .malformed)
        #expect(ProxyHeader.parse(Array(line(108)[..<106])) == .incomplete)
    }

    @Test("of version 2 names client and ports (§2.2)")
    func readsVersion2() {
        let bytes = Self.version2(0x21, 0x11, Self.ipv4)
        let progress = ProxyHeader.parse(bytes + [0x47])
        #expect(ends(progress)?.source.description == "192.0.2.1")
        #expect(ends(progress)?.sourcePort == 49_152)
        #expect(ends(progress)?.destinationPort == 8000)
        for cut in 0..<bytes.count {
            #expect(ProxyHeader.parse(Array(bytes[..<cut])) == .incomplete)
        }
    }

    @Test("of version 2 may be IPv6, with TLVs behind the addresses")
    func readsIPv6() throws {
        let source: [UInt8] = [0x20, 0x01, 0x0D, 0xB8] + [UInt8](repeating: 0, count: 11) + [1]
        let block = source + source + [0, 1, 0, 2] + [0x04, 0, 1, 0]
        let progress = ProxyHeader.parse(Self.version2(0x21, 0x21, block))
        #expect(ends(progress)?.source.description == "2001:db8::1")
        #expect(ends(progress)?.destinationPort == 2)
    }

    @Test(
        "of version 2 may name nobody",
        arguments: [
            version2(0x20, 0x11, ipv4), version2(0x20, 0x00, []), version2(0x21, 0x00, [1, 2, 3]),
            version2(0x21, 0x31, [UInt8](repeating: 0, count: 216)),
        ]
    )
    func readsNobody(bytes: [UInt8]) {
        #expect(ProxyHeader.parse(bytes) == .complete(length: bytes.count, nil))
    }

    @Test(
        "of version 2 is refused when it is not exactly one",
        arguments: [
            version2(0x11, 0x11, ipv4), version2(0x22, 0x11, ipv4), version2(0x21, 0x12, ipv4),
            version2(0x21, 0x11, Array(ipv4.dropLast())), version2(0x21, 0x21, ipv4),
            version2(0x21, 0x31, [UInt8](repeating: 0, count: 215)), version2(0x21, 0x41, ipv4),
        ]
    )
    func refusesVersion2(bytes: [UInt8]) {
        #expect(ProxyHeader.parse(bytes) == .malformed)
    }

    @Test("of version 2 is bounded")
    func boundsVersion2() {
        let room = ProxyHeader.bytesMax - 16
        let block = { (count: Int) in Self.ipv4 + [UInt8](repeating: 0, count: count - 12) }
        #expect(ends(ProxyHeader.parse(Self.version2(0x21, 0x11, block(room)))) != nil)
        let long = Self.version2(0x21, 0x11, block(room + 1))
        #expect(ProxyHeader.parse(Array(long[..<16])) == .malformed)
    }

    @Test(
        "for upstream is one that can be read back",
        arguments: [
            ("192.0.2.1", "10.0.0.1", "PROXY TCP4 192.0.2.1 10.0.0.1 7 80\r\n"),
            ("192.0.2.1", "::1", "PROXY TCP4 192.0.2.1 0.0.0.0 7 80\r\n"),
            ("2001:db8::1", "10.0.0.1", "PROXY TCP6 2001:db8::1 :: 7 80\r\n"),
        ]
    )
    func writes(source: String, destination: String, expected: String) throws {
        let source = try #require(IPAddress(source))
        let line = ProxyHeader.line(
            source: source,
            sourcePort: 7,
            destination: (IPAddress(destination), 80)
        )
        #expect(line == expected)
        #expect(ends(ProxyHeader.parse(Array(line.utf8)))?.source == source)
    }
}
