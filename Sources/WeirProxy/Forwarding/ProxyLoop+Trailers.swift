// SPDX-License-Identifier: Apache-2.0

internal import WeirHTTP
internal import WeirIO

/// Fields behind a body, between a client that speaks HTTP/2 and upstream's chunks.
///
/// Where a body goes on without chunks, or to a client of HTTP/1, they are left out (RFC 9110 §6.5.1).
extension ProxyLoop {
    private static let trailerLimits = HeadLimits(headBytes: 16_384, fieldCount: 64, targetBytes: 1)

    /// Keeps the trailers of a request, until its body ends.
    func keepRequestTrailers(_ lines: BufferRange, of exchange: SlabIndex<Exchange>) {
        guard exchanges[exchange].stage != .collecting,
            exchanges[exchange].requestFraming == .chunked
        else { return }
        keepTrailers(lines, in: &exchanges[exchange].requestTrailers)
        settleTrailers(&exchanges[exchange].requestTrailers)
    }

    /// Keeps a part of the trailers of a response.
    func keepResponseTrailers(_ lines: BufferRange, of exchange: SlabIndex<Exchange>) {
        guard exchanges[exchange].clientVersion == .http2 else { return }
        keepTrailers(lines, in: &exchanges[exchange].responseTrailers)
    }

    private func keepTrailers(_ lines: BufferRange, in kept: inout BufferRange) {
        // Without room they are left out, as anybody on the way may do.
        guard buffers.makeRoom(behind: &kept, for: lines.count + 2) >= lines.count + 2 else {
            return
        }
        buffers.append(to: &kept, copying: lines)
    }

    /// Leaves of trailers what may go on.
    func settleTrailers(_ kept: inout BufferRange) {
        guard !kept.isEmpty else { return }
        var section = TrailerSection()
        var written = BufferRange(outbox, 0..<0)
        buffers.append(to: &kept) { ChunkWriter.writeLineEnd(into: &$0) }
        if buffers.read(kept, { section.parse($0, limits: Self.trailerLimits) }) {
            buffers.append(to: &written, reading: kept) { bytes, output in
                section.writeForwarded(from: bytes, into: &output)
            }
        }
        kept.end = kept.start
        buffers.append(to: &kept, copying: written)
    }
}
