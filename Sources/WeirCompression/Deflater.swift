// SPDX-License-Identifier: Apache-2.0

internal import CZlib

/// One stream of gzip (RFC 1952), made by zlib.
///
/// It takes some 270 KiB; making one costs four times what a body of 1 KiB does, so that it is
/// meant to be used again, after a ``reset()``.
@safe public struct Deflater: ~Copyable {
    /// From the fastest to the smallest.
    public static let levels: ClosedRange<Int> = 1...9

    /// What the reader can make of the output so far.
    public enum Ending: BitwiseCopyable, Sendable {
        /// Something, some time: what compresses best.
        case none
        /// All that was put in.
        case flush
        /// All that was put in, and that nothing follows.
        case finish
    }

    /// How far one step has come.
    public enum Step: Equatable, BitwiseCopyable, Sendable {
        /// All of the input is taken, and its ending is in the output.
        case done
        /// The output is full: the rest of the input is for another step, with the same ending.
        case outputFull(consumed: Int)
    }

    /// It points to itself, so it stays at its place.
    private let stream: UnsafeMutablePointer<z_stream>
    /// Whether something was put in of which the reader may have nothing yet.
    public private(set) var hasPending = false

    /// A stream at its beginning.
    ///
    /// - Parameter level: one of ``levels``.
    /// - Returns: the stream; `nil` when there is no memory for it.
    public static func make(level: Int) -> Deflater? {
        precondition(levels.contains(level))
        let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
        unsafe stream.initialize(to: z_stream())
        let status = unsafe deflateInit2_(
            stream,
            Int32(level),
            Z_DEFLATED,
            gzipWindowBits,
            memoryLevel,
            Z_DEFAULT_STRATEGY,
            ZLIB_VERSION,
            Int32(MemoryLayout<z_stream>.size)
        )
        guard status == Z_OK else {
            unsafe stream.deallocate()
            return nil
        }
        return unsafe Deflater(owning: stream)
    }

    /// The largest window, in gzip's format.
    private static let gzipWindowBits: Int32 = 15 + 16
    /// zlib's default: the fastest of those that were measured (performance notes §6).
    private static let memoryLevel: Int32 = 8

    private init(owning stream: UnsafeMutablePointer<z_stream>) {
        unsafe self.stream = stream
    }

    deinit {
        unsafe deflateEnd(stream)
        unsafe stream.deallocate()
    }

    /// Begins anew, whatever was put in before.
    public mutating func reset() {
        unsafe deflateReset(stream)
        hasPending = false
    }

    /// Compresses bytes as far as the output takes them.
    ///
    /// - Parameters:
    ///   - input: what to put in; may be empty.
    ///   - output: what comes out is appended; must have room for a byte at least.
    ///   - ending: what the reader must be able to make of it.
    /// - Returns: whether that is all.
    @_lifetime(output: copy output)
    public mutating func compress(
        _ input: RawSpan,
        into output: inout OutputRawSpan,
        _ ending: Ending
    ) -> Step {
        precondition(output.freeCapacity > 0)
        let flush =
            switch ending {
            case .none: Z_NO_FLUSH
            case .flush: Z_SYNC_FLUSH
            case .finish: Z_FINISH
            }
        var status = Z_OK
        unsafe stream.pointee.avail_in = UInt32(input.byteCount)
        unsafe output.withUnsafeMutableBytes { buffer, initializedCount in
            let place = buffer.baseAddress
            let room = buffer.count - initializedCount
            unsafe input.withUnsafeBytes { source in
                // zlib does not write to its input, but says so only where ZLIB_CONST is defined.
                unsafe stream.pointee.next_in = UnsafeMutablePointer(
                    mutating: source.baseAddress?.assumingMemoryBound(to: Bytef.self)
                )
                unsafe stream.pointee.next_out = place.map {
                    unsafe ($0 + initializedCount).assumingMemoryBound(to: Bytef.self)
                }
                unsafe stream.pointee.avail_out = UInt32(room)
                status = unsafe deflate(stream, flush)
                initializedCount += unsafe room - Int(stream.pointee.avail_out)
            }
        }
        unsafe stream.pointee.next_in = nil
        unsafe stream.pointee.next_out = nil
        let left = unsafe Int(stream.pointee.avail_in)
        // Z_BUF_ERROR says that there was nothing to do.
        precondition(status == Z_OK || status == Z_STREAM_END || status == Z_BUF_ERROR)
        let isDone =
            switch ending {
            case .none: left == 0
            case .flush: left == 0 && output.freeCapacity > 0
            case .finish: status == Z_STREAM_END
            }
        hasPending = isDone ? ending == .none && (hasPending || input.byteCount > 0) : true
        return isDone ? .done : .outputFull(consumed: input.byteCount - left)
    }
}
