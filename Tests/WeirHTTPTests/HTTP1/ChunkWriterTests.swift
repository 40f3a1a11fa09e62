// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import WeirHTTP

@Suite("Chunk writer (RFC 9112 §7.1)")
struct ChunkWriterTests {
    @Test(
        "writes sizes in hexadecimal",
        arguments: [
            (1, "1\r\n"), (9, "9\r\n"), (10, "a\r\n"), (15, "f\r\n"), (16, "10\r\n"),
            (255, "ff\r\n"), (256, "100\r\n"), (65_535, "ffff\r\n"), (1_048_576, "100000\r\n"),
            (Int.max, "7fffffffffffffff\r\n"),
        ]
    )
    func writesSizes(count: Int, line: String) {
        let output = written(capacity: ChunkWriter.sizeLineBytesMax) { output in
            ChunkWriter.writeSizeLine(count, into: &output)
        }
        #expect(output == line)
    }

    @Test("writes line ends and the last chunk")
    func writesEnds() {
        let lineEnd = written(capacity: ChunkWriter.lineEndBytes) { output in
            ChunkWriter.writeLineEnd(into: &output)
        }
        #expect(lineEnd == "\r\n")
        let last = written(capacity: ChunkWriter.lastChunkBytes) { output in
            ChunkWriter.writeLastChunk(into: &output)
            ChunkWriter.writeLineEnd(into: &output)
        }
        #expect(last == "0\r\n\r\n")
    }
}
