// SPDX-License-Identifier: Apache-2.0

/// The name of one request in logs, traces and answers: 128 bits, written as 32 hexadecimal digits.
public struct RequestID: BitwiseCopyable, Equatable, Sendable, CustomStringConvertible {
    /// The length of every id made by weir.
    public static var byteCount: Int { 32 }
    /// The longest id that is taken over from a trusted peer.
    public static var keptBytesMax: Int { 128 }

    @usableFromInline let high: UInt64
    @usableFromInline let low: UInt64

    @inlinable
    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// The digits as text; for where an id is not written per request.
    public var description: String {
        [high, low].map { word in
            let digits = String(word, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
    }

    @inline(always)
    func write(into output: inout OutputCursor) {
        output.append(hexadecimalDigitsOf: high)
        output.append(hexadecimalDigitsOf: low)
    }

    /// Whether a peer's id can be taken over: 1 to 128 bytes that mean nothing to a shell, a log
    /// or a markup language.
    static func isValid(_ bytes: RawSpan, _ value: Range<Int>) -> Bool {
        guard 1...keptBytesMax ~= value.count else { return false }
        for offset in value where !isPlain(bytes.byte(at: offset)) { return false }
        return true
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: "~"), UInt8(ascii: "+"), UInt8(ascii: "/"), UInt8(ascii: "="),
            UInt8(ascii: ":"), UInt8(ascii: "@"), UInt8(ascii: "-"):
            true
        default: false
        }
    }
}

/// Makes request ids: unique, not secret.
public struct RequestIDSequence: BitwiseCopyable, Sendable {
    @usableFromInline var state: UInt64
    @usableFromInline let stream: UInt64

    /// A sequence that differs from every other by its seeds.
    public init(seeds: (UInt64, UInt64)) {
        state = seeds.0
        stream = seeds.1
    }

    /// The next id.
    @inlinable
    @inline(__always)
    public mutating func next() -> RequestID {
        RequestID(high: nextWord(), low: nextWord())
    }

    /// SplitMix64 (Steele, Lea, Flood 2014), xored with the stream's own number, so that the
    /// sequences of two loops do not meet.
    @inlinable
    @inline(__always)
    mutating func nextWord() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state ^ stream
        word = (word ^ word &>> 30) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ word &>> 27) &* 0x94D0_49BB_1331_11EB
        return word ^ word &>> 31
    }
}
