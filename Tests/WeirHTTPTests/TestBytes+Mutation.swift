// SPDX-License-Identifier: Apache-2.0

extension TestBytes {
    /// Pieces that a message may break on, wherever they come to stand.
    private static let hostilePieces: [TestBytes] = [
        "\r\n", "\n", "\r", "\r\n\r\n", "\r\n ", "\0", "\t", " ", ":", ",", ";", "\"", "_",
        "\u{7F}", "é", "0", "5", "F", "HTTP/1.1", "HTTP/1.0 200", "Host: h\r\n", "0\r\n\r\n",
        "Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n", "Connection: close, A\r\n",
        "1;a=\"b\"\r\n",
    ]

    /// The same bytes with one to three of their pieces replaced, taken out, doubled or broken.
    func mutated(_ random: inout SeededGenerator) -> TestBytes {
        var bytes = bytes
        for _ in 0..<Int.random(in: 1...3, using: &random) {
            let start = Int.random(in: 0...bytes.count, using: &random)
            let end = Int.random(in: start...min(start + 8, bytes.count), using: &random)
            switch Int.random(in: 0..<4, using: &random) {
            case 0: bytes.removeSubrange(start..<end)
            case 1: bytes.insert(contentsOf: bytes[start..<end], at: end)
            case 2: bytes.insert(UInt8.random(in: 0...255, using: &random), at: start)
            default:
                let piece = Self.hostilePieces.randomElement(using: &random)?.bytes ?? []
                let isInserted = Bool.random(using: &random)
                bytes.replaceSubrange(start..<(isInserted ? start : end), with: piece)
            }
        }
        return TestBytes(bytes)
    }
}
