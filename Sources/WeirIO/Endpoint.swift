// SPDX-License-Identifier: Apache-2.0

/// Where a socket listens or connects to, as an operator writes it.
public enum Endpoint: Equatable, Hashable, Sendable {
    /// A TCP port on a host name or address; IPv6 addresses carry no brackets here.
    case tcp(host: String, port: UInt16)
    /// A unix stream socket in the file system.
    case unix(path: String)
}

extension Endpoint: CustomStringConvertible {
    /// The spelling that the command line takes: `host:port`, `[v6]:port` or `unix:PATH`.
    public var description: String {
        switch self {
        case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .unix(let path): "unix:\(path)"
        }
    }
}
