// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc

/// An address that the kernel takes: IPv4, IPv6 or a path.
public struct SocketAddress: Sendable {
    /// What kind of address it is.
    public enum Family: Sendable { case ipv4, ipv6, unix }

    var storage = sockaddr_storage()
    var length: socklen_t = 0

    init() {}

    /// The kind of the address.
    public var family: Family {
        switch Int32(storage.ss_family) {
        case AF_INET: .ipv4
        case AF_INET6: .ipv6
        default: .unix
        }
    }

    /// The number that socket(2) takes.
    var familyNumber: Int32 { Int32(storage.ss_family) }

    /// Looks an endpoint up; a host name is asked for once, here.
    ///
    /// - Parameter endpoint: what the operator wrote.
    /// - Returns: its addresses, in the order of the resolver; at least one.
    /// - Throws: ``ResolutionError`` when there is none.
    public static func resolve(_ endpoint: Endpoint) throws(ResolutionError) -> [SocketAddress] {
        switch endpoint {
        case .unix(let path): [try SocketAddress(path: path)]
        case .tcp(let host, let port): try lookUp(host: host, port: port)
        }
    }

    private init(path: String) throws(ResolutionError) {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        let capacity = MemoryLayout.size(ofValue: address.sun_path)
        guard !bytes.isEmpty, bytes.count < capacity else {
            throw ResolutionError(reason: "a socket path has 1 to \(capacity - 1) bytes")
        }
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: bytes) }
        unsafe withUnsafeMutableBytes(of: &storage) { target in
            unsafe withUnsafeBytes(of: &address) { unsafe target.copyMemory(from: $0) }
        }
        let offset = MemoryLayout<sockaddr_un>.size - capacity
        length = socklen_t(offset + bytes.count + 1)
    }

    private static func lookUp(
        host: String,
        port: UInt16
    ) throws(ResolutionError) -> [SocketAddress] {
        var hints = unsafe addrinfo()
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        unsafe hints.ai_flags = AI_NUMERICSERV | (host.isEmpty ? AI_PASSIVE : 0)
        var list: UnsafeMutablePointer<addrinfo>?
        let code = unsafe getaddrinfo(host.isEmpty ? nil : host, String(port), &hints, &list)
        guard code == 0, let first = unsafe list else {
            throw ResolutionError(reason: unsafe String(cString: gai_strerror(code)))
        }
        defer { unsafe freeaddrinfo(first) }
        var addresses: [SocketAddress] = []
        var next: UnsafeMutablePointer<addrinfo>? = unsafe first
        while let entry = unsafe next {
            var address = SocketAddress()
            address.length = unsafe entry.pointee.ai_addrlen
            unsafe memcpy(&address.storage, entry.pointee.ai_addr, Int(address.length))
            addresses.append(address)
            unsafe next = entry.pointee.ai_next
        }
        return addresses
    }

    /// The port of an IP address in host order; 0 for a path.
    public var port: UInt16 {
        switch family {
        case .ipv4: UInt16(bigEndian: viewed(as: sockaddr_in.self).sin_port)
        case .ipv6: UInt16(bigEndian: viewed(as: sockaddr_in6.self).sin6_port)
        case .unix: 0
        }
    }

    /// The IP address; `nil` for a path.
    public var ip: IPAddress? {
        switch family {
        case .ipv4: IPAddress(viewed(as: sockaddr_in.self).sin_addr)
        case .ipv6: IPAddress(viewed(as: sockaddr_in6.self).sin6_addr)
        case .unix: nil
        }
    }

    private func viewed<Address>(as type: Address.Type) -> Address {
        unsafe withUnsafeBytes(of: storage) { unsafe $0.loadUnaligned(as: type) }
    }
}

/// Why an endpoint has no address.
public struct ResolutionError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The resolver's reason.
    public let reason: String

    /// The resolver's reason.
    public var description: String { reason }
}
