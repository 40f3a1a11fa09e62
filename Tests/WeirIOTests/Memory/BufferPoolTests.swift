// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import WeirIO

@Suite("Buffer pool") final class BufferPoolTests {
    private let pool = BufferPool(limit: 4 * BufferPool.largestSize)

    private func take(_ size: Int) throws -> BufferID {
        let buffer = pool.take(size)
        return try #require(buffer)
    }

    private func write(_ text: String, to range: inout BufferRange) {
        pool.append(to: &range) { output in
            for byte in text.utf8 { output.append(byte) }
        }
    }

    private func text(_ range: BufferRange) -> String {
        pool.read(range) { bytes in
            String(
                decoding: (0..<bytes.byteCount).map {
                    unsafe bytes.unsafeLoad(fromByteOffset: $0, as: UInt8.self)
                },
                as: UTF8.self
            )
        }
    }

    private func buffer(_ text: String, size: Int = 1_024) throws -> BufferRange {
        var range = BufferRange(try take(size), 0..<0)
        write(text, to: &range)
        return range
    }

    @Test(
        "gives the smallest size that is enough",
        arguments: [
            (1, 1_024), (1_024, 1_024), (1_025, 4_096), (4_097, 16_384), (16_385, 73_728),
            (73_728, 73_728),
        ]
    )
    func picksSize(asked: Int, given: Int) throws {
        let size = pool.size(of: try take(asked))
        #expect(size == given)
    }

    @Test("refuses what is beyond its limit, and gives it once others are given back")
    func isBounded() throws {
        let taken = try (0..<4).map { _ in try take(BufferPool.largestSize) }
        let beyond = [pool.take(BufferPool.largestSize), pool.take(1)]
        #expect(beyond == [nil, nil])
        pool.give(back: taken[0])
        // Memory that is kept in one size is given in another.
        _ = try take(1)
        let (bytes, limit) = (pool.bytes, pool.limit)
        #expect(bytes <= limit)
    }

    @Test("keeps memory that is given back, up to a bound") func keepsSome() throws {
        let roomy = BufferPool(limit: 64 << 20)
        let taken = (0..<40).compactMap { _ in roomy.take(BufferPool.largestSize) }
        for buffer in taken { roomy.give(back: buffer) }
        roomy.give(back: .none)
        let bytes = roomy.bytes
        #expect(bytes == 16 * BufferPool.largestSize)
    }

    @Test("keeps bytes in a buffer of their own, no larger than they need") func keeps() throws {
        let range = try buffer("abcdef", size: 4_096)
        let copy = pool.keep(range.dropping(2))
        let kept = try #require(copy)
        pool.give(back: range.buffer)
        let size = pool.size(of: kept.buffer)
        #expect(text(kept) == "cdef")
        #expect(size == 1_024)
    }

    @Test("makes room without losing what is kept") func makesRoom() throws {
        var range = try buffer("0123456789")
        range = range.dropping(6)
        for (asked, given, size) in [
            (1_020, 1_020, 1_024), (1_021, 1_021, 4_096), (73_728, 73_724, 73_728),
            (73_728, 73_724, 73_728),
        ] {
            let room = pool.makeRoom(behind: &range, for: asked)
            let whole = pool.size(of: range.buffer)
            #expect(room == given)
            #expect(whole == size)
            #expect(text(range) == "6789")
        }
    }

    @Test("moves bytes down within a buffer, also over themselves") func moves() throws {
        let range = try buffer("..abcdef")
        pool.move(range.dropping(2), to: 1)
        #expect(text(BufferRange(range.buffer, 1..<7)) == "abcdef")
    }

    @Test("sends and receives through a pair of sockets, and tells the end") func transfers() throws
    {
        let pair = try SocketPair()
        let (first, second) = (try buffer("head "), try buffer("body"))
        let sent = pool.send(first, second, .none, to: pair.left)
        var received = BufferRange(try take(64), 0..<0)
        var transfers = [pool.receive(from: pair.right, behind: &received, upTo: 64)]
        transfers.append(pool.receive(from: pair.right, behind: &received, upTo: 8))
        pair.left.finishSending()
        transfers.append(pool.receive(from: pair.right, behind: &received, upTo: 8))
        #expect(sent == .bytes(9))
        #expect(transfers == [.bytes(9), .wouldBlock, .end])
        #expect(text(received) == "head body")
    }

    @Test("what may wait for what follows arrives before it") func haste() throws {
        let pair = try SocketPair()
        var received = BufferRange(try take(64), 0..<0)
        let (first, second) = (try buffer("head "), try buffer("body"))
        let sent = [
            pool.send(first, to: pair.left, .withTheNext), pool.send(second, to: pair.left),
        ]
        #expect(sent == [.bytes(5), .bytes(4)])
        while text(received).utf8.count < 9 {
            guard case .bytes = pool.receive(from: pair.right, behind: &received, upTo: 64) else {
                break
            }
        }
        #expect(text(received) == "head body")
    }
}
