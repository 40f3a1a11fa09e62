// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import WeirHTTP

/// Bytes as a test writes them: a string's UTF-8, or anything else.
struct TestBytes: ExpressibleByStringLiteral, CustomTestStringConvertible, Sendable, Equatable {
    var bytes: [UInt8]

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    init(_ text: String) {
        bytes = Array(text.utf8)
    }

    init(stringLiteral text: String) {
        self.init(text)
    }

    var count: Int { bytes.count }
    var testDescription: String { String(decoding: bytes, as: UTF8.self).debugDescription }

    /// The first `count` bytes, in an array of exactly that size.
    func prefix(_ count: Int) -> TestBytes {
        TestBytes(Array(bytes.prefix(count)))
    }

    static func + (left: TestBytes, right: TestBytes) -> TestBytes {
        TestBytes(left.bytes + right.bytes)
    }

    func withSpan<Result>(_ body: (RawSpan) -> Result) -> Result {
        let span = bytes.span
        return body(unsafe span.bytes)
    }
}

/// What `body` writes into `capacity` bytes, as text.
func written(
    capacity: Int = 4096,
    _ body: (inout OutputRawSpan) -> Void
) -> String {
    var storage = [UInt8](repeating: 0, count: capacity)
    let count = unsafe storage.withUnsafeMutableBytes { buffer in
        var output = unsafe OutputRawSpan(buffer: buffer, initializedCount: 0)
        body(&output)
        return unsafe output.finalize(for: buffer)
    }
    return String(decoding: storage[..<count], as: UTF8.self)
}
