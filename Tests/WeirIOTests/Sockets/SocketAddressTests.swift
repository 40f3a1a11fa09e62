// SPDX-License-Identifier: Apache-2.0

import Testing
import WeirIO

@Suite("Socket address") struct SocketAddressTests {
    @Test(
        "is found and written",
        arguments: [
            ("127.0.0.1", "127.0.0.1"), ("10.1.2.3", "10.1.2.3"), ("::1", "::1"),
            ("2001:db8::7", "2001:db8::7"), ("::ffff:10.0.0.1", "10.0.0.1"),
        ]
    )
    func describes(host: String, text: String) throws {
        let address = try SocketAddress.resolve(.tcp(host: host, port: 8000))[0]
        #expect(address.ip?.description == text)
        #expect(address.port == 8000)
    }

    @Test("of a path has no port and no IP address") func describesPath() throws {
        let address = try SocketAddress.resolve(.unix(path: "/run/app.sock"))[0]
        #expect(address.ip == nil)
        #expect(address.port == 0)
    }

    @Test("is refused for a path that the kernel cannot take", arguments: [0, 108, 200])
    func refusesPath(length: Int) {
        #expect(throws: ResolutionError.self) {
            try SocketAddress.resolve(.unix(path: String(repeating: "a", count: length)))
        }
    }

    @Test("is taken for the longest path there is") func takesLongestPath() throws {
        _ = try SocketAddress.resolve(.unix(path: String(repeating: "a", count: 107)))
    }

    @Test("is not found for a name that does not exist") func refusesUnknownHost() {
        #expect(throws: ResolutionError.self) {
            try SocketAddress.resolve(.tcp(host: "no-such-host.invalid", port: 1))
        }
    }

    @Test("is spelt the way the command line takes it")
    func spells() {
        #expect(Endpoint.tcp(host: "h", port: 1).description == "h:1")
        #expect(Endpoint.tcp(host: "::1", port: 1).description == "[::1]:1")
        #expect(Endpoint.unix(path: "/a b").description == "unix:/a b")
    }
}
