// SPDX-License-Identifier: Apache-2.0

/// The address of a peer as text, held inline: an address goes into every forwarded head, and
/// must cost neither an allocation nor a reference count there.
public struct AddressText: BitwiseCopyable, Sendable, CustomStringConvertible {
    /// The longest IPv6 text is 45 bytes (an IPv4-mapped one); one more makes the size even.
    public static var capacity: Int { 46 }

    private var storage: [46 of UInt8]
    private var length: UInt8
    /// Whether it is an IPv6 address, which `Forwarded` writes in brackets.
    let isIPv6: Bool

    /// The empty text, which stands for a peer without an address.
    public init() {
        self.init("")
    }

    /// The bytes of `text`; those beyond the capacity are left out.
    public init(_ text: String) {
        storage = [46 of UInt8](repeating: 0)
        length = 0
        isIPv6 = text.utf8.contains(UInt8(ascii: ":"))
        for byte in text.utf8.prefix(Self.capacity) {
            storage[count] = byte
            length += 1
        }
    }

    public var count: Int { Int(length) }
    public var isEmpty: Bool { length == 0 }

    /// The text; for where an address is not written per request.
    public var description: String {
        var text = ""
        for index in 0..<count { text.unicodeScalars.append(Unicode.Scalar(storage[index])) }
        return text
    }

    /// Appends the text; traps when it does not fit.
    @_lifetime(output: copy output)
    public func write(into output: inout OutputRawSpan) {
        output.append(contentsOf: storage.span.extracting(0..<count))
    }

    @inline(always)
    func write(into output: inout OutputCursor) {
        output.append(contentsOf: storage.span.extracting(0..<count).octets)
    }
}
