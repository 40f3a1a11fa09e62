// SPDX-License-Identifier: Apache-2.0

/// The address of a peer as text, held inline: an address goes into every forwarded head, and
/// must cost neither an allocation nor a reference count there.
public struct AddressText: BitwiseCopyable, Sendable {
    /// The longest IPv6 text is 45 bytes (an IPv4-mapped one); two more make the size even.
    public static var capacity: Int { 47 }

    private var storage: [47 of UInt8]
    private var length: UInt8

    /// The empty text, which stands for a peer without an address.
    public init() {
        storage = [47 of UInt8](repeating: 0)
        length = 0
    }

    /// The bytes of `text`; those beyond the capacity are left out.
    public init(_ text: String) {
        self.init()
        for byte in text.utf8.prefix(Self.capacity) { append(byte) }
    }

    public var count: Int { Int(length) }
    public var isEmpty: Bool { length == 0 }

    /// Appends a byte; traps when the text is full.
    public mutating func append(_ byte: UInt8) {
        precondition(count < Self.capacity, "an address is at most 47 bytes")
        storage[count] = byte
        length += 1
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
