// SPDX-License-Identifier: Apache-2.0

import Glibc
import Testing

@testable import WeirIO

@Suite("Listener") struct ListenerTests {
    @Test("tells the port that the kernel chose for 0") func reportsPort() throws {
        let endpoint = Endpoint.tcp(host: "127.0.0.1", port: 0)
        let address = try SocketAddress.resolve(endpoint)[0]
        let listener = try Listener(address, named: endpoint, sharing: .exclusive)
        let bound = listener.endpoint
        #expect(bound != endpoint)
        #expect(bound.description.hasPrefix("127.0.0.1:"))
    }

    @Test("says why a port cannot be had") func reportsConflict() throws {
        let any = Endpoint.tcp(host: "127.0.0.1", port: 0)
        let first = try Listener(
            try SocketAddress.resolve(any)[0],
            named: any,
            sharing: .exclusive
        )
        let taken = try SocketAddress.resolve(first.endpoint)[0]
        let error = #expect(throws: SystemError.self) {
            _ = try Listener(taken, named: any, sharing: .exclusive)
        }
        #expect(error?.description == "address already in use (bind)")
    }

    @Test("replaces a socket file that nobody listens on, not one that is in use")
    func replacesAbandonedFile() throws {
        let path = SocketPair.path()
        let endpoint = Endpoint.unix(path: path)
        let address = try SocketAddress.resolve(endpoint)[0]
        defer { SystemFile.remove(path) }
        do {
            let first = try Listener(address, named: endpoint, sharing: .exclusive)
            #expect(throws: SystemError.self) {
                _ = try Listener(address, named: endpoint, sharing: .exclusive)
            }
            first.stop()
        }
        _ = try Listener(address, named: endpoint, sharing: .exclusive)
    }

    @Test("refuses connections once it has stopped") func stops() throws {
        let any = Endpoint.tcp(host: "127.0.0.1", port: 0)
        let listener = try Listener(
            try SocketAddress.resolve(any)[0],
            named: any,
            sharing: .exclusive
        )
        let address = try SocketAddress.resolve(listener.endpoint)[0]
        listener.stop()
        let socket = try StreamSocket(for: address)
        let attempt = socket.connect(to: address)
        let pending = socket.pendingError()
        #expect(attempt == .failed(.connectionRefused) || pending == .connectionRefused)
    }

    @Test("says that a unix listener's backlog is full instead of failing")
    func reportsFullBacklog()
        throws
    {
        let path = SocketPair.path()
        let address = try SocketAddress.resolve(.unix(path: path))[0]
        let listener = try Listener(address, named: .unix(path: path), sharing: .exclusive)
        defer { SystemFile.remove(path) }
        // The smallest backlog there is holds one connection.
        _ = Glibc.listen(listener.descriptor.rawValue, 0)
        var attempts: [StreamSocket.Attempt] = []
        let sockets = [
            try StreamSocketBox(for: address), try StreamSocketBox(for: address),
            try StreamSocketBox(for: address),
        ]
        for box in sockets { attempts.append(box.socket.connect(to: address)) }
        #expect(attempts.first == .started)
        #expect(attempts.last == .backlogFull)
    }
}

/// Arrays hold no noncopyable values.
private final class StreamSocketBox {
    let socket: StreamSocket
    init(for address: SocketAddress) throws { socket = try StreamSocket(for: address) }
}
