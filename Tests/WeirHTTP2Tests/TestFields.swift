// SPDX-License-Identifier: Apache-2.0

import CNGHTTP2

/// Header blocks (RFC 7541), of fields written as `name: value`.
enum TestFields {
    static let get = request(":method: GET", ":path: /")
    static let post = request(":method: POST", ":path: /")

    /// Fields, and behind them what else a request must have.
    static func request(_ fields: String...) -> [String] {
        fields + [":scheme: http", ":authority: h"]
    }

    /// Literals that are neither indexed nor compressed.
    static func encoded(_ fields: [String]) -> [UInt8] {
        fields.flatMap { field in
            let (name, value) = split(field)
            return [0] + string(name) + string(value)
        }
    }

    /// The colon in front of a pseudo-field's name does not end it.
    private static func split(_ field: String) -> ([UInt8], [UInt8]) {
        let bytes = Array(field.utf8)
        let end = bytes.dropFirst().firstIndex(of: UInt8(ascii: ":")) ?? bytes.count
        return (Array(bytes[..<end]), Array(bytes[end...].dropFirst(2)))
    }

    private static func string(_ bytes: [UInt8]) -> [UInt8] {
        guard bytes.count >= 127 else { return [UInt8(bytes.count)] + bytes }
        var length: [UInt8] = [127]
        var rest = bytes.count - 127
        while rest >= 128 {
            length.append(UInt8(rest & 127) | 128)
            rest >>= 7
        }
        return length + [UInt8(rest)] + bytes
    }
}

/// Reads the header blocks of one connection.
@safe final class TestInflater {
    private let inflater: OpaquePointer

    init() throws {
        var made: OpaquePointer?
        guard unsafe nghttp2_hd_inflate_new(&made) == 0, let made = unsafe made else {
            throw NoMemory()
        }
        unsafe inflater = made
    }

    deinit { unsafe nghttp2_hd_inflate_del(inflater) }

    /// The fields of a block; nil when it is broken.
    func fields(_ block: [UInt8]) -> [String]? {
        var fields: [String] = []
        var offset = 0
        while true {
            var field = unsafe nghttp2_nv()
            var flags: Int32 = 0
            let count = unsafe block[offset...].withUnsafeBufferPointer { rest in
                unsafe nghttp2_hd_inflate_hd2(
                    inflater,
                    &field,
                    &flags,
                    rest.baseAddress,
                    rest.count,
                    1
                )
            }
            guard count >= 0 else { return nil }
            offset += count
            if flags & Int32(NGHTTP2_HD_INFLATE_EMIT.rawValue) != 0 {
                let name = unsafe text(field.name, field.namelen)
                fields.append(unsafe name + ": " + text(field.value, field.valuelen))
            }
            if flags & Int32(NGHTTP2_HD_INFLATE_FINAL.rawValue) != 0 {
                unsafe nghttp2_hd_inflate_end_headers(inflater)
                return fields
            }
        }
    }

    private func text(_ start: UnsafeMutablePointer<UInt8>?, _ count: Int) -> String {
        unsafe String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
    }
}

struct NoMemory: Error {}
