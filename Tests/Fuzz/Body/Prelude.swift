// SPDX-License-Identifier: Apache-2.0

import WeirHTTP

/// What a chunked body has begun with: it brings limits of thousands of bytes within the reach
/// of a short message.
struct Prelude {
    /// Has read all of it, once for all messages.
    let reader: BodyReader
    /// What is enough for the reference to be where the reader is, and what it has left then.
    let short: [UInt8]
    let limits: ReferenceBody.Limits

    private init(
        _ long: String = "",
        short: String = "",
        _ spend: (inout ReferenceBody.Limits) -> Void = { _ in }
    ) {
        var reader = BodyReader(.chunked)
        let bytes = Array(long.utf8)
        var offset = 0
        while case .data = reader.next(bytes.span.octets, from: &offset) { continue }
        require(offset == bytes.count && !reader.isFinished, "a prelude is not taken")
        self.reader = reader
        self.short = Array(short.utf8)
        var limits = ReferenceBody.Limits()
        spend(&limits)
        self.limits = limits
    }

    static let none = Prelude()

    /// Each is close to another limit.
    static let all = [
        Prelude("1;" + letters(4040), short: "1;a") { $0.chunkExtensionBytes -= 4039 },
        Prelude(
            String(repeating: "1;" + letters(1022) + "\r\nx\r\n", count: 63)
                + "1;" + letters(966) + "\r\nx\r\n"
        ) { $0.bodyExtensionBytes -= 63 * 1024 + 968 },
        Prelude("0\r\nA:" + letters(8140), short: "0\r\nA:a") { $0.trailerBytes -= 8139 },
        Prelude("0\r\n" + String(repeating: "A:\r\n", count: 60), short: "0\r\n") {
            $0.trailerLines -= 60
        },
    ]

    private static func letters(_ count: Int) -> String { String(repeating: "a", count: count) }
}
