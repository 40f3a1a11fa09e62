// SPDX-License-Identifier: Apache-2.0

internal import CNGHTTP2

// What libnghttp2 calls while it reads; what it calls while it writes is in `+Writing`. None of these
// calls into weir: they note what has happened, and count.

extension HTTP2Engine {
    func setCallbacks(of callbacks: OpaquePointer) {
        unsafe nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, frameBegan)
        unsafe nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, fieldsBegan)
        unsafe nghttp2_session_callbacks_set_on_header_callback(callbacks, fieldCame)
        unsafe nghttp2_session_callbacks_set_on_invalid_header_callback(callbacks, badFieldCame)
        unsafe nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, dataCame)
        unsafe nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, frameCame)
        unsafe nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks, badFrameCame)
        unsafe nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, streamClosed)
        unsafe nghttp2_session_callbacks_set_unpack_extension_callback(callbacks, skipUnknown)
        unsafe nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, frameWritten)
        unsafe nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, frameDropped)
        unsafe nghttp2_session_callbacks_set_send_data_callback(callbacks, dataWritten)
    }
}

typealias Session = OpaquePointer
typealias Frame = UnsafePointer<nghttp2_frame>
typealias UserData = UnsafeMutableRawPointer

/// All callbacks of a session are given its state.
func state(_ userData: UserData?) -> UnsafeMutablePointer<SessionState> {
    unsafe userData.unsafelyUnwrapped.assumingMemoryBound(to: SessionState.self)
}

extension nghttp2_frame_hd {
    func isType(_ type: nghttp2_frame_type) -> Bool {
        UInt32(self.type) == type.rawValue
    }

    func hasFlag(_ flag: nghttp2_flag) -> Bool {
        UInt32(flags) & UInt32(flag.rawValue) != 0
    }
}

/// The stream that a frame belongs to, if it is one that has a place.
func stream(_ session: Session?, _ id: Int32) -> StreamHandle? {
    let data = unsafe nghttp2_session_get_stream_user_data(session, id)
    // One more than the place: the pointer is nil without one.
    return unsafe data.map { StreamHandle(UInt32(UInt(bitPattern: $0) - 1)) }
}

func reset(_ session: Session?, _ id: Int32, _ code: nghttp2_error_code) {
    unsafe nghttp2_submit_rst_stream(session, UInt8(NGHTTP2_FLAG_NONE.rawValue), id, code.rawValue)
}

// MARK: Reading

private func frameBegan(
    _ session: Session?,
    _ header: UnsafePointer<nghttp2_frame_hd>?,
    _ userData: UserData?
) -> Int32 {
    let state = unsafe state(userData)
    guard unsafe state.pointee.violation == nil else {
        return NGHTTP2_ERR_CALLBACK_FAILURE.rawValue
    }
    guard let header = unsafe header?.pointee else { return 0 }
    if header.isType(NGHTTP2_HEADERS) || header.isType(NGHTTP2_CONTINUATION) {
        let isContinuation = header.isType(NGHTTP2_CONTINUATION)
        unsafe state.pointee.continuations = isContinuation ? state.pointee.continuations + 1 : 0
        if unsafe state.pointee.continuations > HTTP2Limits.continuations {
            return unsafe state.pointee.violate(.continuationFlood)
        }
        let isEmpty = header.length == 0 && !header.hasFlag(NGHTTP2_FLAG_END_HEADERS)
        if isEmpty, unsafe !state.pointee.emptyFrames.take(at: state.pointee.now) {
            return unsafe state.pointee.violate(.emptyFrameFlood)
        }
        // libnghttp2 takes any length (RFC 9113 §4.2).
        if isContinuation, header.length > HTTP2Session.frameBytesMax {
            return unsafe breakOff(session, NGHTTP2_FRAME_SIZE_ERROR, state)
        }
        if !isContinuation, unsafe !state.pointee.identifiers.admit(header.stream_id) {
            return unsafe breakOff(session, NGHTTP2_PROTOCOL_ERROR, state)
        }
        return 0
    }
    // libnghttp2 ignores all frames of priorities of before RFC 9113, those in the wrong place too.
    if header.isType(NGHTTP2_PRIORITY), header.stream_id == 0 {
        return unsafe breakOff(session, NGHTTP2_PROTOCOL_ERROR, state)
    }
    unsafe state.pointee.queuedFrames = nghttp2_session_get_outbound_queue_size(session)
    return unsafe state.pointee.count(UInt32(header.type))
}

/// Ends the connection for a fault that libnghttp2 leaves to others.
private func breakOff(
    _ session: Session?,
    _ code: nghttp2_error_code,
    _ state: UnsafeMutablePointer<SessionState>
) -> Int32 {
    unsafe nghttp2_session_terminate_session(session, code.rawValue)
    return unsafe state.pointee.violate(.protocolError)
}

private func fieldsBegan(
    _ session: Session?,
    _ frame: Frame?,
    _ userData: UserData?
) -> Int32 {
    let state = unsafe state(userData)
    guard let frame = unsafe frame else { return 0 }
    let id = unsafe frame.pointee.hd.stream_id
    let isRequest = unsafe frame.pointee.headers.cat == NGHTTP2_HCAT_REQUEST
    unsafe state.pointee.composedStream = id
    if isRequest {
        guard unsafe state.pointee.openCount < HTTP2Limits.streams,
            let handle = unsafe state.pointee.takePlace(for: id)
        else {
            unsafe reset(session, id, NGHTTP2_REFUSED_STREAM)
            unsafe state.pointee.composer.end()
            return unsafe state.pointee.refuse()
        }
        unsafe nghttp2_session_set_stream_user_data(
            session,
            id,
            UnsafeMutableRawPointer(bitPattern: UInt(handle.rawValue) + 1)
        )
    }
    unsafe state.pointee.composer.begin(
        isRequest ? .request : .trailers,
        in: state.pointee.batch.pointee.heads,
        limit: state.pointee.headBytes
    )
    return 0
}

private func fieldCame(
    _ session: Session?,
    _ frame: Frame?,
    _ name: UnsafePointer<UInt8>?,
    _ nameLength: Int,
    _ value: UnsafePointer<UInt8>?,
    _ valueLength: Int,
    _ flags: UInt8,
    _ userData: UserData?
) -> Int32 {
    let state = unsafe state(userData)
    let batch = unsafe state.pointee.batch
    unsafe state.pointee.composer.add(
        UnsafeBufferPointer(start: name, count: nameLength),
        UnsafeBufferPointer(start: value, count: valueLength),
        to: &batch.pointee.heads,
        cookies: &batch.pointee.cookies
    )
    return 0
}

/// Makes libnghttp2 end the stream: left alone it would drop the field.
private func badFieldCame(
    _ session: Session?,
    _ frame: Frame?,
    _ name: UnsafePointer<UInt8>?,
    _ nameLength: Int,
    _ value: UnsafePointer<UInt8>?,
    _ valueLength: Int,
    _ flags: UInt8,
    _ userData: UserData?
) -> Int32 {
    NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue
}

private func dataCame(
    _ session: Session?,
    _ flags: UInt8,
    _ id: Int32,
    _ bytes: UnsafePointer<UInt8>?,
    _ length: Int,
    _ userData: UserData?
) -> Int32 {
    let state = unsafe state(userData)
    // The streams have windows of their own: what one of them does not take keeps no other waiting.
    unsafe nghttp2_session_consume_connection(session, length)
    guard let handle = unsafe stream(session, id), let bytes = unsafe bytes, length > 0,
        let input = unsafe state.pointee.batch.pointee.input
    else { return 0 }
    let start = unsafe bytes - input
    unsafe state.pointee.emit(.body(handle, StreamEvent.Extent(start, start + length)))
    return 0
}

private func frameCame(
    _ session: Session?,
    _ frame: Frame?,
    _ userData: UserData?
) -> Int32 {
    let state = unsafe state(userData)
    guard let frame = unsafe frame else { return 0 }
    let header = unsafe frame.pointee.hd
    switch UInt32(header.type) {
    case NGHTTP2_HEADERS.rawValue: unsafe fieldsEnded(session, header, state)
    case NGHTTP2_DATA.rawValue:
        if header.hasFlag(NGHTTP2_FLAG_END_STREAM) {
            if let handle = unsafe stream(session, header.stream_id) {
                unsafe state.pointee.emit(.requestEnded(handle))
            }
        } else if unsafe header.length == frame.pointee.data.padlen,
            unsafe !state.pointee.emptyFrames.take(at: state.pointee.now)
        {
            return unsafe state.pointee.violate(.emptyFrameFlood)
        }
    case NGHTTP2_PING.rawValue:
        if header.hasFlag(NGHTTP2_FLAG_ACK) { unsafe state.pointee.emit(.pingAnswered) }
    case NGHTTP2_SETTINGS.rawValue:
        // Beside the acknowledgement, libnghttp2 resets the streams whose windows a new initial size
        // makes too large; it is the connection's fault (RFC 9113 §6.9.2).
        if unsafe nghttp2_session_get_outbound_queue_size(session)
            > state.pointee.queuedFrames + 1
        {
            return unsafe breakOff(session, NGHTTP2_FLOW_CONTROL_ERROR, state)
        }
    case NGHTTP2_PRIORITY_UPDATE.rawValue:
        // RFC 9218 §7.1.
        let update = unsafe frame.pointee.ext.payload?
            .assumingMemoryBound(to: nghttp2_ext_priority_update.self)
        if unsafe update?.pointee.stream_id == 0 {
            return unsafe breakOff(session, NGHTTP2_PROTOCOL_ERROR, state)
        }
    default: break
    }
    return 0
}

private func fieldsEnded(
    _ session: Session?,
    _ header: nghttp2_frame_hd,
    _ state: UnsafeMutablePointer<SessionState>
) {
    let section = unsafe state.pointee.composer.section
    let batch = unsafe state.pointee.batch
    defer {
        unsafe state.pointee.composer.end()
        unsafe batch.pointee.cookies.removeAll()
    }
    guard section != .nothing, let handle = unsafe stream(session, header.stream_id) else { return }
    let isWhole = header.hasFlag(NGHTTP2_FLAG_END_STREAM)
    switch unsafe state.pointee.composer.fault {
    case .malformed:
        unsafe reset(session, header.stream_id, NGHTTP2_PROTOCOL_ERROR)
        return
    case .tooLarge where section == .request: unsafe state.pointee.emit(.oversizedHead(handle))
    // Trailers may be left out (RFC 9110 §6.5.1).
    case .tooLarge: break
    case .none:
        let extent = unsafe state.pointee.composer.finish(
            isWhole: isWhole,
            in: &batch.pointee.heads,
            cookies: &batch.pointee.cookies
        )
        unsafe state.pointee.emit(
            section == .request ? .head(handle, extent) : .trailers(handle, extent)
        )
    }
    if isWhole { unsafe state.pointee.emit(.requestEnded(handle)) }
}

private func badFrameCame(
    _ session: Session?,
    _ frame: Frame?,
    _ code: Int32,
    _ userData: UserData?
) -> Int32 {
    let state = unsafe state(userData)
    guard let frame = unsafe frame else { return 0 }
    if unsafe frame.pointee.hd.isType(NGHTTP2_HEADERS) {
        unsafe state.pointee.composer.end()
        // Far too many end the connection; it is named for what it is.
        if code == NGHTTP2_ERR_PROTO.rawValue,
            unsafe frame.pointee.headers.cat == NGHTTP2_HCAT_REQUEST,
            unsafe state.pointee.openCount >= HTTP2Limits.streams
        {
            unsafe _ = state.pointee.violate(.tooManyStreams)
        }
        if code == NGHTTP2_ERR_REFUSED_STREAM.rawValue { return unsafe state.pointee.refuse() }
    }
    return 0
}

/// Unknown frames are counted, and otherwise ignored (RFC 9113 §5.5).
private func skipUnknown(
    _ session: Session?,
    _ payload: UnsafeMutablePointer<UserData?>?,
    _ header: UnsafePointer<nghttp2_frame_hd>?,
    _ userData: UserData?
) -> Int32 {
    NGHTTP2_ERR_CANCEL.rawValue
}

// MARK: Both

private func streamClosed(
    _ session: Session?,
    _ id: Int32,
    _ code: UInt32,
    _ userData: UserData?
) -> Int32 {
    guard let handle = unsafe stream(session, id) else { return 0 }
    let state = unsafe state(userData)
    unsafe state.pointee.closePlace(handle)
    // The rest of its fields is passed over without a word.
    if unsafe state.pointee.composedStream == id { unsafe state.pointee.composer.end() }
    unsafe state.pointee.emit(.closed(handle))
    return 0
}
