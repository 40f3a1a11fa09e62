// SPDX-License-Identifier: Apache-2.0

import Testing
import WeirHTTP
import WeirIO

@testable import WeirProxy

@Suite("Trusted peers") struct TrustedPeersTests {
    @Test("are those of the kinds named, and nobody when none is")
    func areNamed() throws {
        let network = try #require(IPAddress("10.0.0.0").flatMap { IPNetwork($0, prefixLength: 8) })
        let loopback = IPAddress("127.0.0.1")
        let inside = IPAddress("10.9.9.9")
        #expect(TrustedPeers([.loopback]).trust(in: loopback) == .trusted)
        #expect(TrustedPeers([.loopback]).trust(in: nil) == .untrusted)
        #expect(TrustedPeers([.unix]).trust(in: nil) == .trusted)
        #expect(TrustedPeers([.unix]).trust(in: loopback) == .untrusted)
        #expect(TrustedPeers([.network(network)]).trust(in: inside) == .trusted)
        #expect(TrustedPeers([.network(network)]).trust(in: loopback) == .untrusted)
        #expect(TrustedPeers([.network(network)]).trust(in: nil) == .untrusted)
        #expect(TrustedPeers([]).trust(in: loopback) == .untrusted)
    }
}
