// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import WeirHTTP

@Suite("Byte classes")
struct ByteClassTests {
    @Test("know token bytes (RFC 9110 §5.6.2)")
    func knowTokens() {
        let letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
        let token = Set(Array("!#$%&'*+-.^_`|~\(letters)".utf8))
        let name = Set(Array("-._~!$&'()*+,;=\(letters)".utf8))
        for byte in UInt8.min...UInt8.max {
            #expect(ByteClass.isToken(byte) == token.contains(byte))
            #expect(ByteClass.isRegisteredName(byte) == name.contains(byte))
        }
    }

    @Test("stop a scan exactly where they should, at any place", arguments: 0..<40)
    func stopScans(length: Int) {
        for place in 0..<length {
            for (byte, inName, inValue, inTarget) in Self.stops {
                var bytes = [UInt8](repeating: 0x61, count: length)
                bytes[place] = byte
                let text = TestBytes(bytes)
                for start in [0, place / 2, place] {
                    let found = text.withSpan { span in
                        [
                            span.scan(from: start, to: length, Stops.outsideName),
                            span.scan(from: start, to: length, Stops.controls),
                            span.scan(from: start, to: length, Stops.outsideTarget),
                        ]
                    }
                    let expected = [inName, inValue, inTarget].map { $0 ? length : place }
                    #expect(found == expected)
                }
            }
        }
    }

    private static let stops: [(UInt8, Bool, Bool, Bool)] = (UInt8.min...UInt8.max).map { byte in
        let isAlphanumeric =
            0x30...0x39 ~= byte || 0x41...0x5A ~= byte || 0x61...0x7A ~= byte
        return (
            byte,
            isAlphanumeric || byte == 0x2D,
            byte >= 0x20 && byte != 0x7F,
            0x21...0x7E ~= byte && byte != 0x23
        )
    }
}
