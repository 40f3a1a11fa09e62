// SPDX-License-Identifier: Apache-2.0

/// How much of everything one HTTP/2 connection may have.
public struct HTTP2Limits: Sendable {
    /// Streams at a time, as SETTINGS_MAX_CONCURRENT_STREAMS says.
    public static let streams = 128
    /// Streams at a time, refused ones among them, that libnghttp2 knows of: whoever opens one more
    /// loses the connection, and not just the stream.
    static let streamsBeforeTheEnd = 2 * streams
    /// Bytes of a request body that one stream may send ahead of what was taken, as
    /// SETTINGS_INITIAL_WINDOW_SIZE says; its initial value in the protocol.
    public static let streamWindow = 65_535
    /// The same for all streams together; given back at once, for the streams have their own.
    static let connectionWindow = 1 << 20
    /// CONTINUATION frames of one head: enough for the largest head in the smallest of pieces that
    /// any client makes.
    static let continuations = 32

    /// Streams of which something is remembered: those that are open, and those that were opened and
    /// reset within one read.
    static let places = streams + 2 * Int(burst)

    /// Frames of a kind that costs nothing to send: this many at once, and so many more a second.
    static let burst: UInt32 = 1_000
    static let refillPerSecond: UInt32 = 33
    /// WINDOW_UPDATE frames: ``burst``, and this many for each HEADERS or DATA frame that was sent:
    /// there are clients that open a window for every request, whatever its response.
    static let windowUpdatesPerFrame: UInt64 = 10

    /// Bytes of a request's head, as SETTINGS_MAX_HEADER_LIST_SIZE says.
    public let headBytes: Int

    public init(headBytes: Int) {
        self.headBytes = headBytes
    }
}
