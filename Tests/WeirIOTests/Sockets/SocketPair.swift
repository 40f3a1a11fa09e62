// SPDX-License-Identifier: Apache-2.0

import Glibc

@testable import WeirIO

/// Two connected sockets, made through a listener on a unix socket of its own.
final class SocketPair {
    let left: StreamSocket
    let right: StreamSocket

    init() throws {
        let path = SocketPair.path()
        let address = try SocketAddress.resolve(.unix(path: path))[0]
        let listener = try Listener(address, named: .unix(path: path), sharing: .exclusive)
        let connecting = try StreamSocket(for: address)
        _ = connecting.connect(to: address)
        SystemFile.remove(path)
        guard case .connection(let accepted, from: _) = listener.accept() else {
            throw SystemError("accept4", code: ECONNREFUSED)
        }
        left = connecting
        right = accepted
    }

    /// A path that nobody else uses.
    static func path() -> String {
        "/tmp/weir-test-\(getpid())-\(UInt64.random(in: 0...UInt64.max)).sock"
    }
}
