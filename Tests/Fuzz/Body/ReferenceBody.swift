// SPDX-License-Identifier: Apache-2.0

/// The chunked transfer coding as RFC 9112 §7.1 writes it down, read line by line from bytes that
/// are all there, and with the limits that weir documents.
///
/// It asks nothing of speed and shares no code with what it is compared with.
struct ReferenceBody {
    enum Outcome: Equatable {
        case finished(end: Int)
        /// No line that has come to its end is wrong.
        case unfinished
        case refused
    }

    /// Extensions count with the CR behind them.
    struct Limits {
        var chunkExtensionBytes = 4096
        var bodyExtensionBytes = 65_536
        var trailerBytes = 8192
        var trailerLines = 64
    }

    private(set) var data: [UInt8] = []
    private(set) var outcome = Outcome.unfinished
    private let bytes: [UInt8]
    private var position = 0
    /// What is left of each.
    private var limits: Limits

    init(_ bytes: [UInt8], _ limits: Limits) {
        self.bytes = bytes
        self.limits = limits
        outcome = read()
    }

    private enum Line {
        case whole(ArraySlice<UInt8>)
        case broken, torn
    }

    private mutating func read() -> Outcome {
        while true {
            switch nextLine() {
            case .torn: return .unfinished
            case .broken: return .refused
            case .whole(let line):
                guard let size = chunkSize(line) else { return .refused }
                if size == 0 { return readTrailers() }
                let count = min(Int(size), bytes.count - position)
                data += bytes[position..<(position + count)]
                position += count
                guard UInt64(count) == size else { return .unfinished }
                let end = bytes[position...].prefix(2)
                guard end.elementsEqual([0x0D, 0x0A].prefix(end.count)) else { return .refused }
                guard end.count == 2 else { return .unfinished }
                position += 2
            }
        }
    }

    /// The next line without its CRLF; broken where a CR or LF stands alone.
    private mutating func nextLine() -> Line {
        let rest = bytes[position...]
        guard let end = rest.firstIndex(where: { $0 == 0x0D || $0 == 0x0A }) else { return .torn }
        guard bytes[end] == 0x0D else { return .broken }
        guard end + 1 < bytes.count else { return .torn }
        guard bytes[end + 1] == 0x0A else { return .broken }
        position = end + 2
        return .whole(rest[..<end])
    }

    /// `chunk-size [ chunk-ext ]`, at most sixteen digits and below 2⁶⁰; nil for all else.
    private mutating func chunkSize(_ line: ArraySlice<UInt8>) -> UInt64? {
        let digits = line.prefix(while: Self.isHexDigit)
        guard 1...16 ~= digits.count,
            let size = UInt64(String(decoding: digits, as: UTF8.self), radix: 16), size < 1 << 60
        else { return nil }
        let extensions = line.dropFirst(digits.count)
        guard !extensions.isEmpty else { return size }
        limits.chunkExtensionBytes -= extensions.count + 1
        limits.bodyExtensionBytes -= extensions.count + 1
        guard limits.chunkExtensionBytes >= 0, limits.bodyExtensionBytes >= 0 else { return nil }
        limits.chunkExtensionBytes = Limits().chunkExtensionBytes
        return Self.areExtensions(extensions) ? size : nil
    }

    /// Whether it is `*( BWS ";" BWS chunk-ext-name [ BWS "=" BWS chunk-ext-val ] )`.
    private static func areExtensions(_ text: ArraySlice<UInt8>) -> Bool {
        var rest = text
        while !rest.isEmpty {
            rest = rest.drop(while: isBlank)
            guard rest.popFirst() == UInt8(ascii: ";") else { return false }
            rest = rest.drop(while: isBlank)
            guard let name = rest.first, isToken(name) else { return false }
            rest = rest.drop(while: isToken)
            var value = rest.drop(while: isBlank)
            guard value.popFirst() == UInt8(ascii: "=") else { continue }
            value = value.drop(while: isBlank)
            guard let first = value.first else { return false }
            if first == UInt8(ascii: "\"") {
                guard let behind = behindQuoted(value) else { return false }
                rest = behind
            } else {
                guard isToken(first) else { return false }
                rest = value.drop(while: isToken)
            }
        }
        return true
    }

    /// What follows a `quoted-string` (RFC 9110 §5.6.4); nil when it is none.
    private static func behindQuoted(_ text: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        var rest = text.dropFirst()
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "\"") { return rest }
            let next = byte == UInt8(ascii: "\\") ? rest.popFirst() : byte
            guard let next, isText(next) else { return nil }
        }
        return nil
    }

    /// `*( field-line CRLF ) CRLF`, and where it ends.
    private mutating func readTrailers() -> Outcome {
        let start = position
        while true {
            switch nextLine() {
            case .torn: return .unfinished
            case .broken: return .refused
            case .whole(let line):
                if line.isEmpty { return .finished(end: position) }
                limits.trailerLines -= 1
                let name = line.prefix(while: Self.isToken)
                let value = line.dropFirst(name.count)
                guard !name.isEmpty, value.first == UInt8(ascii: ":"),
                    value.allSatisfy(Self.isText), limits.trailerLines >= 0,
                    position - start <= limits.trailerBytes
                else { return .refused }
            }
        }
    }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

    private static func isText(_ byte: UInt8) -> Bool {
        byte == 0x09 || byte >= 0x20 && byte != 0x7F
    }

    private static func isHexDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x46, 0x61...0x66: true
        default: false
        }
    }

    private static func isToken(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        default: tokenMarks.contains(byte)
        }
    }

    private static let tokenMarks: [UInt8] = Array("!#$%&'*+-.^_`|~".utf8)
}
