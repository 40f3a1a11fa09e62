// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import WeirIO

@Suite("Buffer chain") final class BufferChainTests {
    private let pool = BufferPool(limit: 4 * BufferPool.largestSize)

    private func buffer(_ text: String, size: Int) throws -> BufferRange {
        let taken = pool.take(size)
        var range = BufferRange(try #require(taken), 0..<0)
        pool.append(to: &range) { output in
            for byte in text.utf8 { output.append(byte) }
        }
        return range
    }

    /// Sends a chain through a socket, and says what arrives.
    private func text(of chain: BufferChain, upTo limit: Int = .max) throws -> String {
        guard !chain.isEmpty else { return "" }
        let pair = try SocketPair()
        let (transfer, offered) = pool.send(chain, upTo: limit, to: pair.left)
        #expect(transfer == .bytes(offered))
        var received: [UInt8] = []
        #expect(pair.right.receive(into: &received, upTo: 200_000) == .bytes(offered))
        return String(decoding: received, as: UTF8.self)
    }

    @Test("keeps the order of what is appended, and fills a buffer before it takes another")
    func appends() throws {
        var chain = BufferChain.none
        let word = try buffer("0123456789", size: 64)
        for _ in 0..<150 {
            let growth = pool.append(word, to: &chain)
            #expect(growth == .done)
        }
        let inUse = pool.bytesInUse
        #expect(chain.count == 1_500)
        #expect(inUse == 3 * 1_024, "the word's buffer, and two of the chain")
        #expect(try text(of: chain) == String(repeating: "0123456789", count: 150))
    }

    @Test("grows by as much as it has, so that small pieces come to lie in few buffers")
    func grows() throws {
        var chain = BufferChain.none
        let piece = try buffer(String(repeating: "x", count: 1_000), size: 1_024)
        for _ in 0..<60 { _ = pool.append(piece, to: &chain) }
        // Behind the first come 1,024, 4,096, 16,384 and the largest.
        let (count, inUse) = (chain.count, pool.bytesInUse)
        #expect(count == 60_000)
        #expect(inUse < 100_000)
    }

    @Test("takes over buffers at both ends") func adopts() throws {
        var chain = BufferChain.none
        pool.adopt(try buffer("b", size: 1), behind: &chain)
        pool.adopt(try buffer("a", size: 1), before: &chain)
        pool.adopt(try buffer("c", size: 1), behind: &chain)
        pool.adopt(try buffer("", size: 1), behind: &chain)
        #expect(try text(of: chain) == "abc")
        var other = BufferChain.none
        pool.adopt(try buffer("x", size: 1), before: &other)
        pool.adopt(try buffer("y", size: 1), behind: &other)
        #expect(try text(of: other) == "xy")
        pool.discard(&chain)
        pool.discard(&other)
        let inUse = pool.bytesInUse
        #expect(inUse == 0)
    }

    @Test("loses bytes from the front, with the buffers that they filled", arguments: 0...9)
    func drops(count: Int) throws {
        var chain = BufferChain.none
        for part in ["abc", "defg", "hi"] {
            pool.adopt(try buffer(part, size: 64), behind: &chain)
        }
        pool.drop(count, from: &chain)
        let inUse = pool.bytesInUse
        #expect(chain.count == 9 - count)
        #expect(inUse == (count < 3 ? 3 : count < 7 ? 2 : count < 9 ? 1 : 0) * 1_024)
        #expect(try text(of: chain) == String("abcdefghi".dropFirst(count)))
        let more = try buffer("!", size: 1)
        _ = pool.append(more, to: &chain)
        #expect(try text(of: chain) == String("abcdefghi!".dropFirst(count)))
    }

    @Test("sends no more than it is asked to", arguments: [1, 3, 4, 8, 9])
    func sendsPart(limit: Int) throws {
        var chain = BufferChain.none
        for part in ["abc", "defg", "hi"] {
            pool.adopt(try buffer(part, size: 64), behind: &chain)
        }
        #expect(try text(of: chain, upTo: limit) == String("abcdefghi".prefix(limit)))
    }

    @Test("is copied behind other bytes as a whole") func flattens() throws {
        var chain = BufferChain.none
        for part in ["b", "cd", "e"] {
            pool.adopt(try buffer(part, size: 64), behind: &chain)
        }
        var range = try buffer("a", size: 64)
        pool.append(to: &range, copying: chain)
        pool.adopt(range, before: &chain)
        #expect(try text(of: chain, upTo: 5) == "abcde")
    }

    @Test("is copied as far as it is asked to, and keeps its bytes", arguments: 0...9)
    func copies(count: Int) throws {
        var chain = BufferChain.none
        for part in ["abc", "def", "ghi"] { pool.adopt(try buffer(part, size: 1), behind: &chain) }
        let taken = try buffer("..........", size: 10)
        pool.copy(into: taken.prefix(count), from: chain)
        #expect(
            String(decoding: pool.copy(of: taken), as: UTF8.self)
                == "abcdefghi".prefix(count) + String(repeating: ".", count: 10 - count)
        )
        #expect(try text(of: chain) == "abcdefghi")
    }

    @Test("says when the pool is used up, and stays as it was") func isBounded() throws {
        var chain = BufferChain.none
        let largest = BufferPool.largestSize
        let piece = try buffer(String(repeating: "x", count: largest), size: largest)
        var growths: [BufferPool.Growth] = []
        for _ in 0..<4 { growths.append(pool.append(piece, to: &chain)) }
        #expect(growths == [.done, .done, .done, .outOfBuffers])
        #expect(chain.count == 3 * largest)
        pool.drop(largest, from: &chain)
        let growth = pool.append(piece, to: &chain)
        #expect(growth == .done)
    }
}
