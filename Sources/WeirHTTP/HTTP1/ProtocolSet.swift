// SPDX-License-Identifier: Apache-2.0

/// The protocols that an `Upgrade` field names (RFC 9110 §7.8), as far as it takes to tell whether
/// the one that upstream switches to was offered.
///
/// A name is kept as 16 bits of a hash, so that all of them fit into a word of the exchange. A
/// collision lets pass what passed without the check, and the client looks at the name as well.
public struct ProtocolSet: BitwiseCopyable, Equatable, Sendable {
    /// Who offers more is not understood by anybody.
    static var countMax: Int { 4 }

    /// Zero where there is no name.
    @usableFromInline var hashes = SIMD4<UInt16>(repeating: 0)

    init() {}

    @inlinable public var isEmpty: Bool { hashes[0] == 0 }

    /// Whether every protocol of `other` is among these.
    public func isSuperset(of other: ProtocolSet) -> Bool {
        for index in 0..<Self.countMax where other.hashes[index] != 0 {
            if !any(hashes .== other.hashes[index]) { return false }
        }
        return true
    }

    /// Adds a name, whose case means nothing; those beyond four are left out.
    mutating func insert(_ bytes: RawSpan, _ name: Range<Int>) {
        // FNV-1a, 64 bits.
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for offset in name {
            let byte = UInt64(bytes.byte(at: offset)).lowercasedASCII
            hash = (hash ^ byte) &* 0x100_0000_01B3
        }
        for index in 0..<Self.countMax where hashes[index] == 0 {
            hashes[index] = UInt16(truncatingIfNeeded: hash &>> 48) | 1
            return
        }
    }
}

extension FieldSection {
    /// Where the protocols stand that `Upgrade` names, at most four of them.
    ///
    /// What is no `token [ "/" token ]` is left out, and so is `h2c`: with HTTP/2 over cleartext a
    /// client begins at once (RFC 9113 §3.3).
    func protocols(_ bytes: RawSpan) -> [Range<Int>] {
        var names: [Range<Int>] = []
        for index in 0..<count where lines[index].kind == .upgrade {
            var elements = ListElements(lines[index].value)
            while let element = elements.next(bytes) {
                if names.count < ProtocolSet.countMax, Self.isProtocol(bytes, element),
                    !bytes.equals(element, lowercase: "h2c")
                {
                    names.append(element)
                }
            }
        }
        return names
    }

    /// Writes them, as a switch is offered and made.
    @inline(never)
    func writeProtocols(_ bytes: RawSpan, into output: inout OutputCursor) {
        var separator: StaticString = "Connection: upgrade\r\nUpgrade: "
        for name in protocols(bytes) {
            output.append(separator)
            output.append(contentsOf: bytes.extracting(name))
            separator = ", "
        }
        output.append("\r\n")
    }

    /// The same as a set.
    func protocolSet(_ bytes: RawSpan) -> ProtocolSet {
        var set = ProtocolSet()
        for name in protocols(bytes) { set.insert(bytes, name) }
        return set
    }

    private static func isProtocol(_ bytes: RawSpan, _ element: Range<Int>) -> Bool {
        var slash: Int?
        for offset in element {
            let byte = bytes.byte(at: offset)
            if byte == UInt8(ascii: "/"), slash == nil {
                slash = offset
            } else if !ByteClass.isToken(byte) {
                return false
            }
        }
        return !element.isEmpty && slash != element.lowerBound
            && slash != element.upperBound - 1
    }
}
