// SPDX-License-Identifier: Apache-2.0

internal import WeirIO

/// What stands at the front of a connection that came through a proxy of the transport layer
/// (haproxy.org, proxy-protocol.txt, versions 1 and 2).
enum ProxyHeader {
    /// The longest header that is read: of version 2 with 2 KiB of TLVs, which are passed over.
    static let bytesMax = 2_304
    /// The longest line of version 1, with its CRLF.
    static let lineBytesMax = 107
    private static let signature: [UInt8] = Array("\r\n\r\n\0\r\nQUIT\n".utf8)

    /// How far a header has come.
    enum Progress: Equatable {
        case incomplete
        /// A whole header of that many bytes; without ends where the proxy speaks for itself
        /// (LOCAL) or does not know them (UNKNOWN, UNSPEC, unix sockets).
        case complete(length: Int, Ends?)
        case malformed
    }

    /// The two ends of the connection that the proxy has taken.
    struct Ends: Equatable {
        var source: IPAddress
        var sourcePort: UInt16
        var destinationPort: UInt16
    }

    /// Reads a header from the front of `bytes`, which may hold more than it.
    ///
    /// What cannot become one is refused with its first byte, so that a client that sends none
    /// need not wait.
    static func parse(_ bytes: [UInt8]) -> Progress {
        let common = min(bytes.count, signature.count)
        if bytes[..<common] == signature[..<common] { return parseVersion2(bytes) }
        return parseVersion1(bytes)
    }

    // MARK: Version 1

    private static func parseVersion1(_ bytes: [UInt8]) -> Progress {
        let start = Array("PROXY ".utf8)
        let common = min(bytes.count, start.count)
        guard bytes[..<common] == start[..<common] else { return .malformed }
        guard let end = bytes.prefix(lineBytesMax).firstIndex(of: UInt8(ascii: "\n")) else {
            return bytes.count < lineBytesMax ? .incomplete : .malformed
        }
        guard bytes[end - 1] == UInt8(ascii: "\r") else { return .malformed }
        let words = bytes[..<(end - 1)].split(
            separator: UInt8(ascii: " "),
            omittingEmptySubsequences: false
        )
        let text = words.map { String(decoding: $0, as: UTF8.self) }
        // What follows UNKNOWN has no meaning (§2.1).
        if text[1] == "UNKNOWN" { return .complete(length: end + 1, nil) }
        guard text.count == 6, let source = address(text[2], of: text[1]),
            address(text[3], of: text[1]) != nil, let sourcePort = port(text[4]),
            let destinationPort = port(text[5])
        else { return .malformed }
        return .complete(
            length: end + 1,
            Ends(source: source, sourcePort: sourcePort, destinationPort: destinationPort)
        )
    }

    /// An address in the spelling of its family: TCP6 may carry a mapped IPv4 address.
    private static func address(_ text: String, of family: String) -> IPAddress? {
        switch family {
        case "TCP4" where !text.contains(":"): IPAddress(text)
        case "TCP6" where text.contains(":"): IPAddress(text)
        default: nil
        }
    }

    /// Digits without a leading zero (§2.1).
    private static func port(_ word: String) -> UInt16? {
        guard let number = UInt16(word), String(number) == word else { return nil }
        return number
    }

    // MARK: Version 2

    private static func parseVersion2(_ bytes: [UInt8]) -> Progress {
        guard bytes.count >= 16 else { return .incomplete }
        let length = 16 + (Int(bytes[14]) << 8 | Int(bytes[15]))
        guard bytes[12] >> 4 == 2, length <= bytesMax else { return .malformed }
        let command = bytes[12] & 15
        guard command <= 1 else { return .malformed }
        guard bytes.count >= length else { return .incomplete }
        guard command == 1 else { return .complete(length: length, nil) }
        // Address family and transport; STREAM only, for HTTP comes over nothing else.
        switch bytes[13] {
        case 0x00: return .complete(length: length, nil)
        case 0x11: return ends(bytes[16..<length], addressBytes: 4, length: length)
        case 0x21: return ends(bytes[16..<length], addressBytes: 16, length: length)
        case 0x31 where length >= 16 + 216: return .complete(length: length, nil)
        default: return .malformed
        }
    }

    /// Two addresses, then two ports (§2.2).
    private static func ends(
        _ block: ArraySlice<UInt8>,
        addressBytes: Int,
        length: Int
    ) -> Progress {
        guard block.count >= 2 * addressBytes + 4,
            let source = IPAddress(networkOrder: block.prefix(addressBytes))
        else { return .malformed }
        let ports = block.dropFirst(2 * addressBytes).prefix(4).map(UInt16.init)
        return .complete(
            length: length,
            Ends(
                source: source,
                sourcePort: ports[0] << 8 | ports[1],
                destinationPort: ports[2] << 8 | ports[3]
            )
        )
    }

    /// A header of version 1 as upstream gets it.
    ///
    /// - Parameters:
    ///   - source: whose request follows.
    ///   - sourcePort: its port; 0 where it is not known.
    ///   - destination: where it connected to, and its port; an address of another family is
    ///     written as the unspecified one.
    /// - Returns: the line, at most 107 bytes.
    static func line(
        source: IPAddress,
        sourcePort: UInt16,
        destination: (address: IPAddress?, port: UInt16)
    ) -> String {
        let isIPv4 = source.family == .ipv4
        var other = isIPv4 ? "0.0.0.0" : "::"
        if let address = destination.address, address.family == source.family {
            other = address.description
        }
        let family = isIPv4 ? "TCP4" : "TCP6"
        return "PROXY \(family) \(source) \(other) \(sourcePort) \(destination.port)\r\n"
    }
}
