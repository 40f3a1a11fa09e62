// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import WeirIO

@Suite("Process table") struct ProcessTableTests {
    @Test("has this process in it, and no more than asked for") func lists() {
        #expect(ProcessTable.processes(upTo: 100_000).contains(ProcessTable.own))
        #expect(ProcessTable.processes(upTo: 1).count == 1)
        #expect(ProcessTable.processes(upTo: 0) == [])
    }

    @Test("tells who has a socket open") func tellsHolders() throws {
        let path = SocketPair.path()
        let endpoint = Endpoint.unix(path: path)
        let addresses = try SocketAddress.resolve(endpoint)
        defer { SystemFile.remove(path) }
        let listener = try Listener(addresses[0], named: endpoint, sharing: .exclusive)
        let sockets = SocketDiagnosis.listeners(at: endpoint, addresses: addresses).map(\.inode)
        #expect(sockets.count == 1)
        #expect(ProcessTable.holding(of: [1] + sockets, by: ProcessTable.own) == .holds)
        #expect(ProcessTable.holding(of: [1], by: ProcessTable.own) == .holdsNot)
        #expect(ProcessTable.holding(of: [], by: ProcessTable.own) == .holdsNot)
        #expect(ProcessTable.holding(of: sockets, by: .max) == .unknown)
        _ = listener.endpoint
    }
}
