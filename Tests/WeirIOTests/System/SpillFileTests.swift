// SPDX-License-Identifier: Apache-2.0

import Glibc
import Testing

@testable import WeirIO

@Suite("Spill file") final class SpillFileTests {
    private let pool = BufferPool(limit: 4 * BufferPool.largestSize)

    private func buffer(_ bytes: [UInt8]) throws -> BufferRange {
        let taken = pool.take(bytes.count)
        var range = BufferRange(try #require(taken), 0..<0)
        pool.append(to: &range) { output in
            for byte in bytes { output.append(byte) }
        }
        return range
    }

    @Test("gives back what was put in, in order, while more is put in") func isQueue() throws {
        var file = try SpillFile(in: "/tmp")
        let pair = try SocketPair()
        var (sent, received): ([UInt8], [UInt8]) = ([], [])
        for round in 0..<20 {
            let bytes = (0..<9_001).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ round) }
            let range = try buffer(bytes)
            try file.append(range, of: pool)
            pool.give(back: range.buffer)
            sent += bytes
            while received.count + 4_096 < sent.count {
                let transfer = file.send(to: pair.left, upTo: 4_096)
                #expect(transfer == .bytes(4_096))
                _ = pair.right.receive(into: &received, upTo: 4_096)
            }
        }
        let (count, size) = (file.count, file.size)
        #expect(count == UInt64(sent.count - received.count))
        #expect(size == UInt64(sent.count))
        #expect(received == Array(sent.prefix(received.count)))
    }

    @Test("gives out copies of what was put in, in order") func copies() throws {
        var file = try SpillFile(in: "/tmp")
        let bytes = (0..<9_001).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        try file.append(try buffer(bytes), of: pool)
        var copied: [UInt8] = []
        for count in [1, 4_096, 4_904] {
            let target = try buffer([UInt8](repeating: 0, count: count))
            try file.take(into: target, of: pool)
            copied += pool.copy(of: target)
            pool.give(back: target.buffer)
        }
        let rest = file.count
        #expect(copied == bytes)
        #expect(rest == 0)
    }

    @Test("tells when the socket takes no more, and goes on where it was") func blocks() throws {
        var file = try SpillFile(in: "/tmp")
        let range = try buffer([UInt8](repeating: 1, count: 65_536))
        for _ in 0..<64 { try file.append(range, of: pool) }
        let pair = try SocketPair()
        var (sent, received): (Int, [UInt8]) = (0, [])
        while file.count > 0 {
            let transfer = file.send(to: pair.left, upTo: 1 << 20)
            if case .bytes(let count) = transfer {
                sent += count
            } else {
                #expect(transfer == .wouldBlock)
                _ = pair.right.receive(into: &received, upTo: 1 << 20)
            }
        }
        while case .bytes = pair.right.receive(into: &received, upTo: 1 << 20) {}
        #expect(sent == 64 * 65_536)
        #expect(received == [UInt8](repeating: 1, count: sent))
    }

    @Test("has no name in its directory") func isNameless() throws {
        let directory = "/tmp/weir-test-\(getpid())-\(UInt64.random(in: 0...UInt64.max))"
        #expect(unsafe mkdir(directory, 0o700) == 0)
        defer { unsafe rmdir(directory) }
        var file = try SpillFile(in: directory)
        try file.append(try buffer([1, 2, 3]), of: pool)
        #expect(SystemFile.entryCount(in: directory) == 0)
    }

    @Test("says why there is none", arguments: [("/nonexistent", ENOENT), ("/dev/null", ENOTDIR)])
    func fails(directory: String, code: Int32) {
        do throws(SystemError) {
            _ = try SpillFile(in: directory)
            Issue.record("a file was made")
        } catch {
            #expect(error.code == ErrorCode(code))
        }
    }
}
