// SPDX-License-Identifier: Apache-2.0

import WeirHTTP

/// What the fields of a head say about its body, read without any leniency (RFC 9112 §6.3).
struct PlainFraming {
    private let codings: [[UInt8]]
    private let lengths: [[UInt8]]

    init(_ head: PlainHead) {
        codings = head.values("transfer-encoding")
        lengths = head.values("content-length").flatMap { value in
            value.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
                .map { PlainHead.trimmed($0) }
        }
    }

    /// Whether all parties must understand it alike.
    func isClear(_ version: HTTPVersion) -> Bool {
        if codings.isEmpty {
            return lengths.allSatisfy { $0 == lengths[0] && Self.isNumber($0) }
        }
        return version == .http11 && lengths.isEmpty && codings.count == 1
            && PlainHead.text(codings[0]).lowercased() == "chunked"
    }

    /// What a clear one says; nil when nothing is said.
    var value: MessageFraming? {
        if !codings.isEmpty { return .chunked }
        return lengths.first.flatMap { UInt64(PlainHead.text($0)) }.map { .counted($0) }
    }

    private static func isNumber(_ text: [UInt8]) -> Bool {
        guard !text.isEmpty, text.allSatisfy({ 0x30...0x39 ~= $0 }) else { return false }
        return Int64(PlainHead.text(text)) != nil
    }
}
