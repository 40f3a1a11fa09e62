// SPDX-License-Identifier: Apache-2.0

import CZlib
import Testing

@testable import WeirCompression

@Suite("Deflater") struct DeflaterTests {
    /// Bodies of every kind: nothing, little, what repeats, and what does not compress at all.
    static let bodies: [[UInt8]] = [
        [], [7], Array("hello ".utf8), Array(repeatElement(65, count: 300_000)),
        noise(300_000), Array("<p>weir</p>".utf8) + noise(5_000),
    ]

    @Test("gives back what was put in", arguments: bodies, Deflater.levels)
    func roundTrip(_ body: [UInt8], _ level: Int) throws {
        var deflater = try made(level)
        let stream = deflater.compressed(body, .finish, roomPerStep: 65_536)
        #expect(try #require(inflated(stream)) == body)
    }

    @Test("goes on where its output was full", arguments: [1, 7, 100])
    func smallOutput(_ room: Int) throws {
        let body = noise(3_000)
        var deflater = try made(1)
        let stream = deflater.compressed(body, .finish, roomPerStep: room)
        #expect(inflated(stream) == body)
    }

    @Test("lets all be read that was put in before a flush", arguments: bodies)
    func flush(_ body: [UInt8]) throws {
        var deflater = try made(6)
        var stream: [UInt8] = []
        for count in 1...3 {
            stream += deflater.compressed(body, .flush, roomPerStep: 65_536)
            let isPending = deflater.hasPending
            #expect(!isPending)
            let expected = Array(repeatElement(body, count: count).joined())
            #expect(inflated(stream, .open) == expected)
            #expect(inflated(stream) == nil, "a stream that is not at its end")
        }
        stream += deflater.compressed([], .finish, roomPerStep: 65_536)
        #expect(inflated(stream) == Array(repeatElement(body, count: 3).joined()))
    }

    @Test("says what it has kept to itself")
    func pending() throws {
        var deflater = try made(6)
        var seen = [deflater.hasPending]
        let steps: [([UInt8], Deflater.Ending)] = [
            ([], .none), ([1, 2, 3], .none), ([], .none), ([], .flush), ([4], .none),
            ([5], .finish),
        ]
        for (body, ending) in steps {
            _ = deflater.compressed(body, ending, roomPerStep: 100)
            seen.append(deflater.hasPending)
        }
        #expect(seen == [false, false, true, true, false, true, false])
        deflater.reset()
        _ = deflater.compressed([6], .none, roomPerStep: 100)
        deflater.reset()
        let isPending = deflater.hasPending
        #expect(!isPending)
    }

    @Test("is as new after a reset, wherever it was")
    func reuse() throws {
        var deflater = try made(3)
        var fresh = try made(3)
        let body = Array("the same bytes again ".utf8) + noise(2_000)
        let expected = fresh.compressed(body, .finish, roomPerStep: 65_536)
        for ending in [Deflater.Ending.finish, .flush, .none, .finish] {
            _ = deflater.compressed(noise(1_000), ending, roomPerStep: 65_536)
            deflater.reset()
            let stream = deflater.compressed(body, .finish, roomPerStep: 65_536)
            #expect(stream == expected)
            deflater.reset()
        }
    }

    @Test("compresses whole bodies", arguments: bodies)
    func whole(_ body: [UInt8]) throws {
        let stream = try #require(Gzip.compress(body, level: 1))
        #expect(inflated(stream) == body)
    }
}

private struct NoMemory: Error {}

private func made(_ level: Int) throws -> Deflater {
    guard let deflater = Deflater.make(level: level) else { throw NoMemory() }
    return deflater
}

/// Bytes that nothing can be left out of.
private func noise(_ count: Int) -> [UInt8] {
    var state: UInt64 = 0x9E37_79B9_7F4A_7C15
    return (0..<count).map { _ in
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return UInt8(truncatingIfNeeded: state >> 56)
    }
}

/// How much of a stream there is.
private enum Completeness {
    case whole, open
}

/// The bytes that a stream stands for; `nil` when it is broken, or has no end though it should.
private func inflated(_ stream: [UInt8], _ completeness: Completeness = .whole) -> [UInt8]? {
    var output = [UInt8](repeating: 0, count: 2_000_000)
    var input = stream
    var reader = unsafe z_stream()
    guard
        unsafe inflateInit2_(&reader, 31, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK
    else { return nil }
    defer { unsafe inflateEnd(&reader) }
    return unsafe input.withUnsafeMutableBufferPointer { source in
        unsafe output.withUnsafeMutableBufferPointer { target in
            unsafe reader.next_in = source.baseAddress
            unsafe reader.avail_in = UInt32(source.count)
            unsafe reader.next_out = target.baseAddress
            unsafe reader.avail_out = UInt32(target.count)
            let status = unsafe inflate(&reader, Z_SYNC_FLUSH)
            let isBroken = status < 0 && status != Z_BUF_ERROR
            guard !isBroken, completeness == .open || status == Z_STREAM_END else { return nil }
            return unsafe Array(target.prefix(Int(reader.total_out)))
        }
    }
}
