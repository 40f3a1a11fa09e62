// SPDX-License-Identifier: Apache-2.0

/// Whole bodies in gzip, for what is not on a request's way.
public enum Gzip {
    /// Compresses bytes.
    ///
    /// - Parameters:
    ///   - bytes: all there are.
    ///   - level: one of ``Deflater/levels``.
    /// - Returns: a whole stream; `nil` when there is no memory for it.
    public static func compress(_ bytes: [UInt8], level: Int) -> [UInt8]? {
        guard var deflater = Deflater.make(level: level) else { return nil }
        return deflater.compressed(bytes, .finish, roomPerStep: 65_536)
    }
}

extension Deflater {
    /// What comes out for bytes, put together from as many steps as it takes.
    mutating func compressed(_ bytes: [UInt8], _ ending: Ending, roomPerStep: Int) -> [UInt8] {
        var compressed: [UInt8] = []
        var offset = 0
        while true {
            var step = Step.done
            compressed += unsafe [UInt8](unsafeUninitializedCapacity: roomPerStep) {
                buffer,
                count in
                let room = UnsafeMutableRawBufferPointer(buffer)
                var output = unsafe OutputRawSpan(buffer: room, initializedCount: 0)
                let rest = unsafe bytes.span.extracting(offset...).bytes
                step = compress(rest, into: &output, ending)
                count = unsafe output.finalize(for: room)
            }
            guard case .outputFull(let consumed) = step else { return compressed }
            offset += consumed
        }
    }
}
