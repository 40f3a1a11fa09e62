// SPDX-License-Identifier: Apache-2.0

/// What has happened to a session while it read or wrote, in order.
public enum StreamEvent: BitwiseCopyable, Equatable, Sendable {
    /// Bytes of the input, of the output, or of the engine's text.
    public struct Extent: BitwiseCopyable, Equatable, Sendable {
        let start: UInt32
        let end: UInt32

        init(_ start: Int, _ end: Int) {
            self.start = UInt32(truncatingIfNeeded: start)
            self.end = UInt32(truncatingIfNeeded: end)
        }

        /// The same as offsets.
        public var range: Range<Int> { Int(start)..<Int(end) }
    }

    /// A request has begun: its head as one of HTTP/1.1, for
    /// ``HTTP2Engine/read(_:_:)``.
    case head(StreamHandle, Extent)
    /// A request has begun whose fields are too large to be looked at.
    case oversizedHead(StreamHandle)
    /// A part of a request's body, in the input.
    case body(StreamHandle, Extent)
    /// The fields behind a request's body, as lines of HTTP/1.1, for
    /// ``HTTP2Engine/read(_:_:)``.
    case trailers(StreamHandle, Extent)
    /// The request is whole.
    case requestEnded(StreamHandle)
    /// The response is written to its end.
    case responseEnded(StreamHandle)
    /// The stream is over: by both sides' ends, or by RST_STREAM. Its handle is to be released.
    case closed(StreamHandle)
    /// The client has seen what was sent before ``HTTP2Session/ping()``.
    case pingAnswered
    /// Something was refused.
    case failed(HTTP2Error)
}
