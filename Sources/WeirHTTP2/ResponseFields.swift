// SPDX-License-Identifier: Apache-2.0

internal import CNGHTTP2

/// Reads heads that weir has written as text of HTTP/1.1, to be sent as fields of HTTP/2.
enum ResponseFields {
    /// What a head says of itself.
    struct Head {
        var length: Int
        var isFinal: Bool
        /// Whether its status or its length rule out a body.
        var isWithoutBody: Bool
    }

    /// Reads a head with its status.
    ///
    /// - Parameters:
    ///   - bytes: the head, whole and well formed, and what follows it.
    ///   - fields: are replaced; they point into `bytes`.
    /// - Returns: what kind of head it is.
    static func read(_ bytes: UnsafeRawBufferPointer, into fields: inout [nghttp2_nv]) -> Head {
        unsafe fields.removeAll(keepingCapacity: true)
        guard let start = unsafe bytes.baseAddress?.assumingMemoryBound(to: UInt8.self) else {
            preconditionFailure("a head has bytes")
        }
        // "HTTP/1.1 200 …"
        var status = unsafe start + 9
        let isSwitch = unsafe isEqual(status, 3, "101")
        if isSwitch { unsafe status = okStatus }
        let isFinal = unsafe isSwitch || start[9] != UInt8(ascii: "1")
        var isWithoutBody = unsafe isEqual(start + 9, 3, "204") || isEqual(start + 9, 3, "304")
        unsafe fields.append(field(pointer(":status"), 7, status, 3))
        var offset = unsafe lineEnd(start, from: 0, to: bytes.count) + 2
        while unsafe bytes[offset] != UInt8(ascii: "\r") {
            let end = unsafe lineEnd(start, from: offset, to: bytes.count)
            let line = unsafe readLine(start + offset, end - offset)
            if unsafe !belongsToHTTP1(line, isSwitch) {
                unsafe fields.append(line)
                if unsafe line.namelen == 14, unsafe line.valuelen == 1,
                    unsafe line.value[0] == UInt8(ascii: "0"),
                    unsafe isEqual(line.name, 14, "content-length")
                {
                    isWithoutBody = true
                }
            }
            offset = end + 2
        }
        return Head(length: offset + 2, isFinal: isFinal, isWithoutBody: isWithoutBody)
    }

    /// Reads lines without a status and without an end.
    static func readTrailers(_ bytes: UnsafeRawBufferPointer, into fields: inout [nghttp2_nv]) {
        unsafe fields.removeAll(keepingCapacity: true)
        guard let start = unsafe bytes.baseAddress?.assumingMemoryBound(to: UInt8.self) else {
            return
        }
        var offset = 0
        while offset < bytes.count {
            let end = unsafe lineEnd(start, from: offset, to: bytes.count)
            let line = unsafe readLine(start + offset, end - offset)
            if unsafe !belongsToHTTP1(line, false) { unsafe fields.append(line) }
            offset = end + 2
        }
    }

    /// Names of fields that HTTP/2 does not have (RFC 9113 §8.2.2).
    private static func belongsToHTTP1(_ field: nghttp2_nv, _ isSwitch: Bool) -> Bool {
        let name = unsafe UnsafePointer(field.name.unsafelyUnwrapped)
        return switch unsafe field.namelen {
        case 7: unsafe isEqual(name, 7, "upgrade")
        case 10: unsafe isEqual(name, 10, "connection") || isEqual(name, 10, "keep-alive")
        case 16: unsafe isEqual(name, 16, "proxy-connection")
        case 17: unsafe isEqual(name, 17, "transfer-encoding")
        case 20: unsafe isSwitch && isEqual(name, 20, "sec-websocket-accept")
        default: false
        }
    }

    @inline(__always)
    private static func lineEnd(_ start: UnsafePointer<UInt8>, from offset: Int, to end: Int) -> Int
    {
        let lineEnd = unsafe start.offset(of: UInt8(ascii: "\r"), from: offset, to: end)
        precondition(lineEnd < end, "every line of a head has an end")
        return lineEnd
    }

    @inline(__always)
    private static func readLine(_ line: UnsafePointer<UInt8>, _ length: Int) -> nghttp2_nv {
        let nameLength = unsafe line.offset(of: UInt8(ascii: ":"), from: 0, to: length)
        precondition(nameLength < length, "every line of a head has a name")
        var start = nameLength + 1
        var end = length
        while start < end, unsafe isWhite(line[start]) { start += 1 }
        while start < end, unsafe isWhite(line[end - 1]) { end -= 1 }
        return unsafe field(line, nameLength, line + start, end - start)
    }

    private static func isWhite(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

    /// libnghttp2 copies both, and puts the name into lower case.
    private static func field(
        _ name: UnsafePointer<UInt8>,
        _ nameLength: Int,
        _ value: UnsafePointer<UInt8>,
        _ valueLength: Int
    ) -> nghttp2_nv {
        unsafe nghttp2_nv(
            name: UnsafeMutablePointer(mutating: name),
            value: UnsafeMutablePointer(mutating: value),
            namelen: nameLength,
            valuelen: valueLength,
            flags: UInt8(NGHTTP2_NV_FLAG_NONE.rawValue)
        )
    }

    private static var okStatus: UnsafePointer<UInt8> { unsafe pointer("200") }

    private static func pointer(_ text: StaticString) -> UnsafePointer<UInt8> {
        unsafe text.utf8Start
    }

    /// Whether bytes are a text in lower case, whatever their own case.
    private static func isEqual(
        _ bytes: UnsafePointer<UInt8>,
        _ count: Int,
        _ text: StaticString
    ) -> Bool {
        for offset in 0..<count where unsafe bytes[offset] | 0x20 != text.utf8Start[offset] | 0x20 {
            return false
        }
        return true
    }
}
