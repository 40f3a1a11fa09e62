// SPDX-License-Identifier: Apache-2.0

import Glibc
import Testing

@testable import WeirIO

@Suite("Socket diagnosis") struct SocketDiagnosisTests {
    private func listener(at endpoint: Endpoint) throws -> Listener {
        try Listener(try SocketAddress.resolve(endpoint)[0], named: endpoint, sharing: .exclusive)
    }

    private func found(at endpoint: Endpoint) throws -> [ListeningSocket] {
        SocketDiagnosis.listeners(at: endpoint, addresses: try SocketAddress.resolve(endpoint))
    }

    /// The number that the kernel gives to a descriptor's socket.
    private func inode(of descriptor: Int32) -> UInt64 {
        var status = stat()
        unsafe fstat(descriptor, &status)
        return UInt64(status.st_ino)
    }

    @Test("finds who listens on a path, however that is written") func findsUnix() throws {
        let path = SocketPair.path()
        let link = SocketPair.path()
        defer {
            SystemFile.remove(path)
            SystemFile.remove(link)
        }
        let listener = try listener(at: .unix(path: path))
        unsafe symlink(path, link)
        let name = path.split(separator: "/").last ?? ""
        for spelling in [path, link, "/tmp/../tmp/./\(name)"] {
            let sockets = try found(at: .unix(path: spelling))
            #expect(sockets.map(\.inode) == [inode(of: listener.descriptor.rawValue)])
        }
        #expect(try found(at: .unix(path: "/tmp")) == [])
        #expect(try found(at: .unix(path: path + "x")) == [])
    }

    @Test(
        "finds who listens on a port, and nobody on another one or elsewhere",
        arguments: ["127.0.0.1", "0.0.0.0", "::1", "::"]
    )
    func findsTCP(host: String) throws {
        guard let listener = try? listener(at: .tcp(host: host, port: 0)),
            case .tcp(_, let port) = listener.endpoint
        else { return }
        let inode = inode(of: listener.descriptor.rawValue)
        let near = host.contains(":") ? "::1" : "127.0.0.1"
        #expect(try found(at: .tcp(host: near, port: port)).map(\.inode) == [inode])
        #expect(
            try found(at: .tcp(host: near, port: port == 1 ? 2 : port - 1)).map(\.inode) != [inode]
        )
        // Documentation addresses (RFC 5737, RFC 3849) are nobody's.
        #expect(try found(at: .tcp(host: "192.0.2.1", port: port)) == [])
        #expect(try found(at: .tcp(host: "2001:db8::1", port: port)) == [])
    }

    @Test("finds all who share a port") func findsShared() throws {
        let any = Endpoint.tcp(host: "127.0.0.1", port: 0)
        let first = try Listener(try SocketAddress.resolve(any)[0], named: any, sharing: .perLoop)
        let second = try Listener(
            try SocketAddress.resolve(first.endpoint)[0],
            named: first.endpoint,
            sharing: .perLoop
        )
        let expected = [first.descriptor.rawValue, second.descriptor.rawValue].map(inode).sorted()
        #expect(try found(at: first.endpoint).map(\.inode).sorted() == expected)
    }

    @Test("counts who waits to be accepted", arguments: [true, false])
    func countsBacklog(isUnix: Bool) throws {
        let path = SocketPair.path()
        defer { SystemFile.remove(path) }
        let listener = try listener(
            at: isUnix ? .unix(path: path) : .tcp(host: "127.0.0.1", port: 0)
        )
        let address = try SocketAddress.resolve(listener.endpoint)[0]
        func backlog() throws -> [Int] { try found(at: listener.endpoint).map(\.backlog) }
        #expect(try backlog() == [0])
        let first = try StreamSocket(for: address)
        #expect(first.connect(to: address) == .started)
        let second = try StreamSocket(for: address)
        #expect(second.connect(to: address) == .started)
        #expect(try backlog() == [2])
        _ = listener.accept()
        #expect(try backlog() == [1])
        _ = (first.isOpen, second.isOpen)
        #expect(try found(at: listener.endpoint).allSatisfy { $0.backlogMax >= 128 })
    }
}
