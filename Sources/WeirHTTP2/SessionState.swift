// SPDX-License-Identifier: Apache-2.0

internal import CNGHTTP2

/// What libnghttp2's callbacks know of a session, behind the pointer that they are given.
@safe struct SessionState: ~Copyable {
    /// What is known of a stream.
    struct Stream: BitwiseCopyable {
        /// Its number in the protocol; 0 once it is over.
        var id: Int32 = 0
        /// What the session's owner knows it by.
        var owner: UInt32 = .max
        /// Bytes of the response that its owner has and that were not written.
        var available = 0
        /// Whether nothing follows them.
        var isEnded = false
        /// Whether trailers follow them: ``SessionState/trailers``.
        var hasTrailers = false
        /// Whether it is to be ended before its time.
        var isReset = false
        /// Whether it was asked for bytes while it had none.
        var isDeferred = false
        /// The next free place.
        var nextFree: UInt32 = .max
    }

    let batch: UnsafeMutablePointer<HTTP2Engine.Batch>
    let headBytes: Int
    /// Nanoseconds on the owner's clock.
    var now: UInt64 = 0
    var streams: [Stream] = []
    var firstFree: UInt32 = .max
    /// Streams that are not over.
    var openCount = 0
    var composer = RequestComposer()
    /// Of a head that has come in part: its text so far.
    var unfinishedText = ByteArena()
    var unfinishedCookies = ByteArena()
    /// Whose fields are being composed.
    var composedStream: Int32 = 0
    /// Trailers that wait for the end of their response's body, as lines of HTTP/1.1, by place.
    var trailers: [UInt32: [UInt8]] = [:]
    var continuations = 0
    /// Whether its SETTINGS were written.
    var hasWritten = false
    var identifiers = StreamIdentifiers()
    /// How many frames were to be written when the frame at hand began to come.
    var queuedFrames = 0
    /// What has ended the connection.
    var violation: HTTP2Error?

    var resets = TokenBucket()
    var settings = TokenBucket()
    var pings = TokenBucket()
    var emptyFrames = TokenBucket()
    var priorities = TokenBucket()
    var unknownFrames = TokenBucket()
    var windowUpdates: UInt64 = 0
    var messageFramesSent: UInt64 = 0

    init(batch: UnsafeMutablePointer<HTTP2Engine.Batch>, headBytes: Int) {
        unsafe self.batch = unsafe batch
        self.headBytes = headBytes
    }

    /// Takes a place for a stream.
    ///
    /// - Returns: the place; `nil` when there are as many as may be, those over and not released
    ///   among them.
    mutating func takePlace(for id: Int32) -> StreamHandle? {
        var place = firstFree
        if place != .max {
            firstFree = streams[Int(place)].nextFree
            streams[Int(place)] = Stream(id: id)
        } else {
            guard streams.count < HTTP2Limits.places else { return nil }
            place = UInt32(streams.count)
            streams.append(Stream(id: id))
        }
        openCount += 1
        return StreamHandle(place)
    }

    mutating func releasePlace(_ handle: StreamHandle) {
        let place = Int(handle.rawValue)
        precondition(streams[place].id == 0, "a stream is over before it is released")
        streams[place] = Stream()
        streams[place].nextFree = firstFree
        firstFree = handle.rawValue
    }

    /// A stream is over.
    mutating func closePlace(_ handle: StreamHandle) {
        streams[Int(handle.rawValue)].id = 0
        openCount -= 1
        if streams[Int(handle.rawValue)].hasTrailers { trailers[handle.rawValue] = nil }
    }

    /// Counts a frame that costs its sender nothing.
    ///
    /// It is counted as it begins, for libnghttp2 says nothing of those that it ignores.
    ///
    /// - Parameter type: one of RFC 9113 §6, of RFC 9218 §7.1, or unknown.
    /// - Returns: what the callback says.
    mutating func count(_ type: UInt32) -> Int32 {
        switch type {
        case NGHTTP2_DATA.rawValue, NGHTTP2_PUSH_PROMISE.rawValue, NGHTTP2_GOAWAY.rawValue: 0
        case NGHTTP2_RST_STREAM.rawValue: resets.take(at: now) ? 0 : violate(.rapidReset)
        case NGHTTP2_SETTINGS.rawValue: settings.take(at: now) ? 0 : violate(.settingsFlood)
        case NGHTTP2_PING.rawValue: pings.take(at: now) ? 0 : violate(.pingFlood)
        case NGHTTP2_PRIORITY.rawValue, NGHTTP2_PRIORITY_UPDATE.rawValue:
            priorities.take(at: now) ? 0 : violate(.priorityFlood)
        case NGHTTP2_WINDOW_UPDATE.rawValue: countWindowUpdate()
        default: unknownFrames.take(at: now) ? 0 : violate(.unknownFrameFlood)
        }
    }

    private mutating func countWindowUpdate() -> Int32 {
        windowUpdates += 1
        let allowance =
            UInt64(HTTP2Limits.burst) + HTTP2Limits.windowUpdatesPerFrame * messageFramesSent
        return windowUpdates <= allowance ? 0 : violate(.windowUpdateFlood)
    }

    /// A request is refused, which is counted at once: a client that reads nothing could make any
    /// number of answers wait to be written.
    ///
    /// - Returns: what the callback says.
    mutating func refuse() -> Int32 {
        emit(.failed(.tooManyStreams))
        return resets.take(at: now) ? 0 : violate(.rapidReset)
    }

    func emit(_ event: StreamEvent) { unsafe batch.pointee.events.append(event) }

    /// The client does something that no client needs.
    ///
    /// - Returns: what a callback says to stop the reading.
    mutating func violate(_ error: HTTP2Error) -> Int32 {
        if violation == nil {
            violation = error
            emit(.failed(error))
        }
        return NGHTTP2_ERR_CALLBACK_FAILURE.rawValue
    }
}
