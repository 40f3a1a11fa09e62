// SPDX-License-Identifier: Apache-2.0

internal import CNGHTTP2

// What libnghttp2 calls while it writes.

func frameWritten(_ session: Session?, _ frame: Frame?, _ userData: UserData?) -> Int32 {
    let state = unsafe state(userData)
    guard let frame = unsafe frame else { return 0 }
    let header = unsafe frame.pointee.hd
    switch UInt32(header.type) {
    case NGHTTP2_DATA.rawValue, NGHTTP2_HEADERS.rawValue:
        unsafe state.pointee.messageFramesSent += 1
        if header.hasFlag(NGHTTP2_FLAG_END_STREAM),
            let handle = unsafe stream(session, header.stream_id)
        {
            unsafe state.pointee.emit(.responseEnded(handle))
        }
    case NGHTTP2_RST_STREAM.rawValue:
        unsafe resetWritten(frame.pointee.rst_stream.error_code, state)
    case NGHTTP2_GOAWAY.rawValue:
        if unsafe frame.pointee.goaway.error_code != NGHTTP2_NO_ERROR.rawValue,
            unsafe state.pointee.violation == nil
        {
            unsafe _ = state.pointee.violate(.protocolError)
        }
    default: break
    }
    return 0
}

/// What the client has brought about itself counts like a reset of its own: it costs as much.
private func resetWritten(
    _ code: UInt32,
    _ state: UnsafeMutablePointer<SessionState>
) {
    switch code {
    case NGHTTP2_NO_ERROR.rawValue, NGHTTP2_INTERNAL_ERROR.rawValue, NGHTTP2_CANCEL.rawValue:
        return
    // By its owner; or counted as it came.
    case NGHTTP2_REFUSED_STREAM.rawValue: return
    default: unsafe state.pointee.emit(.failed(.streamError))
    }
    if unsafe !state.pointee.resets.take(at: state.pointee.now) {
        unsafe _ = state.pointee.violate(.rapidReset)
    }
}

/// Ends a stream whose response cannot be sent: its fields are too large for libnghttp2.
func frameDropped(
    _ session: Session?,
    _ frame: Frame?,
    _ code: Int32,
    _ userData: UserData?
) -> Int32 {
    if let frame = unsafe frame, unsafe frame.pointee.hd.isType(NGHTTP2_HEADERS),
        code == NGHTTP2_ERR_FRAME_SIZE_ERROR.rawValue
    {
        unsafe reset(session, frame.pointee.hd.stream_id, NGHTTP2_INTERNAL_ERROR)
    }
    return 0
}

/// Writes a DATA frame, leaving out what its owner will put there.
func dataWritten(
    _ session: Session?,
    _ frame: UnsafeMutablePointer<nghttp2_frame>?,
    _ header: UnsafePointer<UInt8>?,
    _ length: Int,
    _ source: UnsafeMutablePointer<nghttp2_data_source>?,
    _ userData: UserData?
) -> Int32 {
    let state = unsafe state(userData)
    let batch = unsafe state.pointee.batch
    guard let frame = unsafe frame, let header = unsafe header,
        let handle = unsafe stream(session, frame.pointee.hd.stream_id),
        unsafe !state.pointee.streams[Int(handle.rawValue)].isReset
    else { return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue }
    unsafe batch.pointee.append(header, HTTP2Session.frameHeaderBytes, leaving: length)
    if length > 0 {
        let end = unsafe batch.pointee.outputCount
        unsafe batch.pointee.gaps.append(
            HTTP2Engine.Gap(stream: handle, extent: StreamEvent.Extent(end - length, end))
        )
        unsafe state.pointee.streams[Int(handle.rawValue)].available -= length
    }
    // Whatever comes next must find room.
    return unsafe batch.pointee.isFull ? NGHTTP2_ERR_PAUSE.rawValue : 0
}

/// Says how many bytes of a response there are to be written (nghttp2_data_source_read_callback).
func bytesAvailable(
    _ session: OpaquePointer?,
    _ id: Int32,
    _ buffer: UnsafeMutablePointer<UInt8>?,
    _ limit: Int,
    _ flags: UnsafeMutablePointer<UInt32>?,
    _ source: UnsafeMutablePointer<nghttp2_data_source>?,
    _ userData: UnsafeMutableRawPointer?
) -> Int {
    let state = unsafe state(userData)
    guard let handle = unsafe stream(session, id) else {
        return Int(NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue)
    }
    let place = Int(handle.rawValue)
    let stream = unsafe state.pointee.streams[place]
    guard !stream.isReset, stream.available > 0 || stream.isEnded else {
        unsafe state.pointee.streams[place].isDeferred = true
        return Int(NGHTTP2_ERR_DEFERRED.rawValue)
    }
    let count = min(stream.available, limit)
    var outcome = NGHTTP2_DATA_FLAG_NO_COPY.rawValue
    if stream.isEnded, count == stream.available {
        outcome |= NGHTTP2_DATA_FLAG_EOF.rawValue
        if stream.hasTrailers, unsafe submitTrailers(session, id, handle, state) {
            outcome |= NGHTTP2_DATA_FLAG_NO_END_STREAM.rawValue
        }
    }
    unsafe flags?.pointee |= outcome
    return count
}

/// Queues trailers, which libnghttp2 writes in front of all DATA that is not being written yet.
///
/// - Returns: whether there are any.
private func submitTrailers(
    _ session: Session?,
    _ id: Int32,
    _ handle: StreamHandle,
    _ state: UnsafeMutablePointer<SessionState>
) -> Bool {
    guard let lines = unsafe state.pointee.trailers.removeValue(forKey: handle.rawValue) else {
        return false
    }
    let batch = unsafe state.pointee.batch
    return unsafe lines.withUnsafeBytes { buffer in
        unsafe ResponseFields.readTrailers(buffer, into: &batch.pointee.fields)
        let fields = unsafe batch.pointee.fields
        guard unsafe !fields.isEmpty else { return false }
        return unsafe nghttp2_submit_trailer(session, id, fields, fields.count) == 0
    }
}

extension HTTP2Engine.Batch {
    /// Whether the next piece could be too large for what is left of the output.
    var isFull: Bool { outputLimit - outputCount < HTTP2Session.pieceBytesMax }

    /// Appends to the output, which has room for it.
    ///
    /// - Parameters:
    ///   - bytes: what to append.
    ///   - count: how many bytes.
    ///   - gap: how many more to leave out behind them.
    mutating func append(_ bytes: UnsafePointer<UInt8>, _ count: Int, leaving gap: Int) {
        guard let output = unsafe output, outputCount + count + gap <= outputLimit else {
            preconditionFailure("libnghttp2 writes a frame at a time")
        }
        unsafe (output + outputCount).update(from: bytes, count: count)
        outputCount += count + gap
    }
}
