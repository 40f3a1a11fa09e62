// SPDX-License-Identifier: Apache-2.0

internal import WeirIO

extension ValueFormat<Endpoint> {
    /// Where a socket of weir waits; no host is all IPv4 interfaces, port 0 a free port.
    static var listener: Self {
        ValueFormat(
            valueName: "address",
            allowed: "host:port, [v6]:port, :port or unix:PATH, "
                + "with a port from 0 to 65535 and a path of up to \(unixPathBytesMax) bytes",
            write: \.description,
            match: { text in
                switch endpoint(in: text) {
                case .tcp("", let port): .tcp(host: "0.0.0.0", port: port)
                case let endpoint: endpoint
                }
            }
        )
    }

    /// Where weir connects to.
    static var upstream: Self {
        ValueFormat(
            valueName: "address",
            allowed: "host:port, [v6]:port or unix:PATH, "
                + "with a port from 1 to 65535 and a path of up to \(unixPathBytesMax) bytes",
            write: \.description,
            match: { text in
                switch endpoint(in: text) {
                case .tcp("", _), .tcp(_, 0): nil
                case let endpoint: endpoint
                }
            }
        )
    }

    /// `sun_path` of unix(7) without its final NUL.
    private static var unixPathBytesMax: Int { 107 }

    /// What the text means anywhere; the host is empty in `:port`.
    private static func endpoint(in text: String) -> Endpoint? {
        if text.hasPrefix("unix:") {
            return unixPath(in: text.dropFirst("unix:".count)).map(Endpoint.unix(path:))
        }
        // The last colon: those of an IPv6 address come before it.
        guard let colon = text.lastIndex(of: ":"),
            let host = host(in: text[..<colon]),
            let port = port(in: text[text.index(after: colon)...])
        else { return nil }
        return .tcp(host: host, port: port)
    }

    private static func unixPath(in text: Substring) -> String? {
        // gunicorn also takes a URL. With two slashes its host would silently become a folder.
        let path = text.hasPrefix("///") ? text.dropFirst(2) : text
        guard !path.isEmpty, !path.hasPrefix("//"), path.utf8.count <= unixPathBytesMax,
            !path.utf8.contains(0)
        else { return nil }
        return String(path)
    }

    private static func host(in text: Substring) -> String? {
        if text.hasPrefix("["), text.hasSuffix("]") {
            let address = text.dropFirst().dropLast()
            return HostSyntax.isIPv6(address) ? String(address) : nil
        }
        return text.isEmpty || HostSyntax.isNameOrIPv4(text) ? String(text) : nil
    }

    private static func port(in text: Substring) -> UInt16? {
        text.utf8.allSatisfy(\.isDigit) ? UInt16(text) : nil
    }
}
