// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc

/// Who listens where, as the kernel tells any process of the same network namespace (sock_diag(7)).
public enum SocketDiagnosis {
    /// The kernel's datagrams have 32 KiB at most.
    private static let datagramBytesMax = 65_536
    /// Datagrams of one answer; the sockets of the largest machine fit.
    private static let datagramsMax = 256
    private static let sequence: UInt32 = 1

    /// The sockets that a connection to an endpoint would reach.
    ///
    /// - Parameters:
    ///   - endpoint: the endpoint.
    ///   - addresses: what it was resolved to.
    /// - Returns: all of them, several where they share a port; none when nobody listens there, when
    ///   it is not on this machine or in another network namespace, or when the kernel does not
    ///   tell.
    public static func listeners(
        at endpoint: Endpoint,
        addresses: [SocketAddress]
    ) -> [ListeningSocket] {
        switch endpoint {
        case .unix(let path): unixListeners(at: path)
        case .tcp: tcpListeners(at: addresses)
        }
    }

    private static func unixListeners(at path: String) -> [ListeningSocket] {
        guard let file = file(at: path) else { return [] }
        return ask(UnixListener.question) { answer in
            guard let listener = UnixListener(answer), listener.isBound(to: file, at: path) else {
                return nil
            }
            return listener.socket
        }
    }

    private static func tcpListeners(at addresses: [SocketAddress]) -> [ListeningSocket] {
        let local = addresses.filter(isLocal)
        guard let port = local.first?.port else { return [] }
        let targets = local.compactMap(\.ip)
        return [TCPListener.Family.ipv4, TCPListener.Family.ipv6].flatMap { family in
            ask(TCPListener.question(family: family, port: port)) { answer in
                guard let listener = TCPListener(answer),
                    targets.contains(where: { listener.isReached(at: $0, port: port) })
                else { return nil }
                return listener.socket
            }
        }
    }

    /// Whether an IP address is one of this machine's: only those can be bound.
    private static func isLocal(_ address: SocketAddress) -> Bool {
        if address.ip?.isLoopback == true { return true }
        let number = weir_socket(address.familyNumber)
        guard number >= 0 else { return false }
        let probe = Descriptor(owning: number)
        return weir_bind_any_port(probe.rawValue, address.storage, address.length) == 0
    }

    /// The file that a path leads to, as the kernel numbers it.
    private static func file(at path: String) -> UnixListener.File? {
        var status = stat()
        guard unsafe stat(path, &status) == 0 else { return nil }
        // In programs' numbers the two parts of a device are interleaved.
        let device = UInt64(status.st_dev)
        let major = device >> 8 & 0xFFF | device >> 32 & ~0xFFF
        let minor = device & 0xFF | device >> 12 & ~0xFF
        return UnixListener.File(
            device: UInt32(truncatingIfNeeded: major << 20 | minor),
            inode: UInt32(truncatingIfNeeded: status.st_ino)
        )
    }

    /// Asks the kernel, and reads what it says to the end.
    ///
    /// - Parameters:
    ///   - body: the question, without the header of its message.
    ///   - read: the socket that an answer tells of, if it is one that is looked for.
    /// - Returns: those sockets; none when the kernel does not tell.
    private static func ask(
        _ body: [UInt8],
        _ read: (NativeBytes) -> ListeningSocket?
    ) -> [ListeningSocket] {
        let number = weir_diagnosis_socket()
        guard number >= 0 else { return [] }
        let socket = Descriptor(owning: number)
        let question = NetlinkMessages.question(body, sequence: sequence)
        let sent = unsafe question.withUnsafeBytes { bytes in
            unsafe weir_send(socket.rawValue, bytes.baseAddress, bytes.count)
        }
        guard sent == question.count else { return [] }
        var sockets: [ListeningSocket] = []
        var datagram = [UInt8](repeating: 0, count: datagramBytesMax)
        for _ in 0..<datagramsMax {
            let count = unsafe datagram.withUnsafeMutableBytes { bytes in
                unsafe weir_receive(socket.rawValue, bytes.baseAddress, bytes.count)
            }
            guard count > 0 else { return [] }
            for message in NetlinkMessages(datagram[..<count], answering: sequence) {
                switch message {
                case .answer(let answer): if let found = read(answer) { sockets.append(found) }
                case .done: return sockets
                case .refused: return []
                }
            }
        }
        return []
    }
}
