// SPDX-License-Identifier: Apache-2.0

/// What the kernel tells of a TCP socket that listens (linux/inet_diag.h).
struct TCPListener: Equatable, Sendable {
    /// Which connections reach it, besides those to its own address.
    enum Reach: Equatable, Sendable {
        case ownAddress
        /// Any address of its own family.
        case family(IPAddress.Family)
        /// Any address.
        case all
    }

    let socket: ListeningSocket
    let address: IPAddress
    let port: UInt16
    let reach: Reach

    /// Numbers of the kernel's address families.
    enum Family {
        static let ipv4: UInt8 = 2
        static let ipv6: UInt8 = 10
    }

    private static let protocolTCP: UInt8 = 6
    private static let stateListening: UInt8 = 10
    private static let fixedLength = 72
    private static let attributeIPv6Only: UInt16 = 11

    /// Asks for every TCP socket of a family that listens on a port.
    static func question(family: UInt8, port: UInt16) -> [UInt8] {
        var body: [UInt8] = [family, protocolTCP, 0, 0]
        body.appendNative(UInt32(1) << stateListening)
        body += [UInt8(truncatingIfNeeded: port >> 8), UInt8(truncatingIfNeeded: port)]
        // No other end, no address, no interface; and no cookie, so that any socket is meant.
        body += [UInt8](repeating: 0, count: 2 + 16 + 16 + 4)
        for _ in 0..<2 { body.appendNative(UInt32.max) }
        return body
    }

    /// Reads an answer; `nil` when it tells of something else, or not all that is needed.
    init?(_ message: NativeBytes) {
        guard let family = message.uint8(at: 0), message.uint8(at: 1) == Self.stateListening,
            let portHigh = message.uint8(at: 4), let portLow = message.uint8(at: 5),
            let bytes = message[8, family == Family.ipv4 ? 4 : 16]?.array,
            family == Family.ipv4 || family == Family.ipv6,
            let address = IPAddress(networkOrder: bytes),
            let backlog = message.uint32(at: 56), let backlogMax = message.uint32(at: 60),
            let inode = message.uint32(at: 68)
        else { return nil }
        self.address = address
        port = UInt16(portHigh) << 8 | UInt16(portLow)
        socket = ListeningSocket(
            inode: UInt64(inode),
            backlog: Int(backlog),
            backlogMax: Int(backlogMax)
        )
        let isIPv6Only = NetlinkAttributes(of: message, behind: Self.fixedLength)
            .contains { $0.type == Self.attributeIPv6Only && $0.value.uint8(at: 0) != 0 }
        if bytes.contains(where: { $0 != 0 }) {
            reach = .ownAddress
        } else if family == Family.ipv4 {
            reach = .family(.ipv4)
        } else {
            reach = isIPv6Only ? .family(.ipv6) : .all
        }
    }

    /// Whether a connection to an address of this machine ends here.
    func isReached(at target: IPAddress, port: UInt16) -> Bool {
        guard port == self.port else { return false }
        return switch reach {
        case .ownAddress: target == address
        case .family(let family): target.family == family
        case .all: true
        }
    }
}
