// SPDX-License-Identifier: Apache-2.0

extension RawSpan {
    /// Whether a line may have ended here: only then is a head that was incomplete worth parsing
    /// again.
    public var containsLineFeed: Bool {
        let end = scan(from: 0, to: byteCount) { $0 .== SIMD16(repeating: UInt8(ascii: "\n")) }
        return end < byteCount
    }
}
