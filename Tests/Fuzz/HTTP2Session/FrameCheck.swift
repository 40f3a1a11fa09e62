// SPDX-License-Identifier: Apache-2.0

/// Reads what a session has written as the client does, frame by frame.
struct FrameCheck {
    private var hasBegun = false
    private var isOver = false
    /// Whose head goes on in CONTINUATION frames; 0 for nobody's.
    private var continued: UInt32 = 0
    /// Streams that weir has ended.
    private var ended: Set<UInt32> = []
    private var answered: Set<UInt32> = []

    /// Checks a batch.
    ///
    /// - Parameters:
    ///   - output: all of it.
    ///   - gaps: what of it is the payload of DATA frames.
    mutating func read(_ output: UnsafeRawBufferPointer, gaps: [Range<Int>]) {
        var offset = 0
        var gap = 0
        while offset < output.count {
            require(output.count - offset >= 9, "a frame's header is cut off")
            let length =
                unsafe Int(output[offset]) << 16 | Int(output[offset + 1]) << 8
                | Int(output[offset + 2])
            let type = unsafe output[offset + 3]
            let flags = unsafe output[offset + 4]
            var stream: UInt32 = 0
            for position in (offset + 5)..<(offset + 9) {
                stream = unsafe stream << 8 | UInt32(output[position])
            }
            let start = offset + 9
            require(length <= 16_384 && start + length <= output.count, "a frame is cut off")
            if type == 0, length > 0 {
                require(
                    gap < gaps.count && gaps[gap] == start..<(start + length),
                    "a gap is no DATA"
                )
                gap += 1
            }
            readFrame(type, flags, stream, length)
            if type == 7, unsafe output[start + 7] != 0 { isOver = true }
            offset = start + length
        }
        require(gap == gaps.count, "there is a gap and no DATA")
    }

    private mutating func readFrame(_ type: UInt8, _ flags: UInt8, _ stream: UInt32, _ length: Int)
    {
        require(!isOver, "something is written behind the last GOAWAY")
        require(hasBegun || type == 4 && flags == 0, "SETTINGS are not the first")
        hasBegun = true
        require(continued == 0 || type == 9 && stream == continued, "a head is torn")
        switch type {
        case 0, 1:
            require(stream % 2 == 1, "a stream is not the client's")
            require(!ended.contains(stream), "a stream goes on behind its end")
            if type == 0 { require(answered.contains(stream), "DATA comes before a head") }
            answered.insert(stream)
            if flags & 1 != 0 { ended.insert(stream) }
            if type == 1 { continued = flags & 4 == 0 ? stream : 0 }
        case 3:
            require(length == 4 && stream % 2 == 1, "RST_STREAM is broken")
            ended.insert(stream)
        case 4: require(stream == 0 && length % 6 == 0, "SETTINGS are broken")
        case 6: require(stream == 0 && length == 8, "PING is broken")
        case 7: require(stream == 0 && length >= 8, "GOAWAY is broken")
        case 8: require(length == 4, "WINDOW_UPDATE is broken")
        case 9:
            require(continued != 0, "CONTINUATION of nothing")
            if flags & 4 != 0 { continued = 0 }
        default: require(false, "no such frame is weir's to send")
        }
    }
}
