// SPDX-License-Identifier: Apache-2.0

internal import CNGHTTP2

/// The server's side of one HTTP/2 connection (RFC 9113): frames in and out, header compression, flow
/// control and priorities, all of it by libnghttp2.
///
/// It does no I/O and calls nobody: bytes go in with ``receive(_:at:)``, bytes come out with
/// ``write(into:at:)``, and what has happened lies in the engine's events afterwards. Heads come and go as
/// text of HTTP/1.1. Bodies do not pass through: the owner of a stream says how many bytes it has,
/// and puts them into the gaps of what is written.
@safe public struct HTTP2Session: ~Copyable {
    /// What every HTTP/2 client sends first (RFC 9113 §3.4).
    private static let preface: StaticString = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    /// Room for the largest piece that is written at once, and its header.
    public static let pieceBytesMax = frameHeaderBytes + frameBytesMax
    static let frameHeaderBytes = 9
    static let frameBytesMax = 16_384

    private let engine: HTTP2Engine
    private let session: OpaquePointer
    private let state: UnsafeMutablePointer<SessionState>
    /// Whether it serves.
    public private(set) var stage = Stage.serving

    /// Whether a session serves.
    public enum Stage: BitwiseCopyable, Sendable {
        case serving
        /// It takes no more requests; the streams that it has are served.
        case ending
        /// Nothing that comes is looked at, and GOAWAY is the last thing to be written.
        case broken
    }

    /// A session that has not read anything; its SETTINGS are the first thing it writes.
    ///
    /// `nil` when there is no memory for it.
    ///
    /// - Parameter engine: that of the thread.
    public init?(_ engine: HTTP2Engine) {
        let state = UnsafeMutablePointer<SessionState>.allocate(capacity: 1)
        unsafe state.initialize(
            to: SessionState(batch: engine.batch, headBytes: engine.limits.headBytes)
        )
        var session: OpaquePointer?
        var memory = unsafe engine.memory
        let status = unsafe nghttp2_session_server_new3(
            &session,
            engine.callbacks,
            state,
            engine.options,
            &memory
        )
        guard status == 0, let session = unsafe session else {
            unsafe state.deinitialize(count: 1)
            unsafe state.deallocate()
            return nil
        }
        self.engine = engine
        unsafe self.session = session
        unsafe self.state = state
        submitSettings()
    }

    deinit {
        unsafe nghttp2_session_del(session)
        unsafe state.deinitialize(count: 1)
        unsafe state.deallocate()
    }

    private func submitSettings() {
        func entry(_ id: nghttp2_settings_id, _ value: Int) -> nghttp2_settings_entry {
            nghttp2_settings_entry(settings_id: Int32(id.rawValue), value: UInt32(value))
        }
        let settings = [
            // The first entry, for ``correctSettings(_:)``.
            entry(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, HTTP2Limits.streamsBeforeTheEnd),
            entry(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, HTTP2Limits.streamWindow),
            entry(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, engine.limits.headBytes),
            entry(NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1),
            entry(NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1),
        ]
        let flags = UInt8(NGHTTP2_FLAG_NONE.rawValue)
        unsafe nghttp2_submit_settings(session, flags, settings, settings.count)
        unsafe nghttp2_session_set_local_window_size(
            session,
            flags,
            0,
            Int32(HTTP2Limits.connectionWindow)
        )
    }

    /// Tells the client less streams than libnghttp2 was told, which would end the connection at the
    /// first one too many; weir refuses that one alone (RFC 9113 §5.1.2).
    private func correctSettings(_ batch: UnsafeMutablePointer<HTTP2Engine.Batch>) {
        guard let output = unsafe batch.pointee.output,
            unsafe UInt32(output[3]) == NGHTTP2_SETTINGS.rawValue
        else { preconditionFailure("SETTINGS is the first frame of a session") }
        let value = unsafe output + Self.frameHeaderBytes + 2
        for (offset, shift) in [24, 16, 8, 0].enumerated() {
            unsafe value[offset] = UInt8(truncatingIfNeeded: HTTP2Limits.streams >> shift)
        }
    }

    // MARK: Reading

    /// How much of the preface bytes are.
    public enum PrefaceMatch: BitwiseCopyable, Sendable {
        case not
        /// All of them are, and some of it is missing.
        case partly
        case whole
    }

    /// Tells whether a connection begins as those of HTTP/2 do (RFC 9113 §3.4).
    public static func matchesPreface(_ bytes: RawSpan) -> PrefaceMatch {
        let count = min(bytes.byteCount, preface.utf8CodeUnitCount)
        for offset in 0..<count {
            let byte = unsafe bytes.unsafeLoad(fromByteOffset: offset, as: UInt8.self)
            if unsafe byte != preface.utf8Start[offset] { return .not }
        }
        return count < preface.utf8CodeUnitCount ? .partly : .whole
    }

    /// Takes what has come.
    ///
    /// - Parameters:
    ///   - bytes: all of it is taken.
    ///   - now: nanoseconds on a clock that does not go back.
    public mutating func receive(_ bytes: RawSpan, at now: UInt64) {
        guard stage != .broken, bytes.byteCount > 0 else { return }
        unsafe state.pointee.now = now
        restoreHead()
        let result = unsafe bytes.withUnsafeBytes { buffer in
            let start = unsafe buffer.baseAddress?.assumingMemoryBound(to: UInt8.self)
            unsafe engine.batch.pointee.input = unsafe start
            return unsafe nghttp2_session_mem_recv(session, start, buffer.count)
        }
        unsafe engine.batch.pointee.input = nil
        stashHead()
        // What libnghttp2 bounds itself, where it does not ask.
        if result == NGHTTP2_ERR_TOO_MANY_CONTINUATIONS.rawValue {
            unsafe _ = state.pointee.violate(.continuationFlood)
        } else if result == NGHTTP2_ERR_FLOODED.rawValue {
            unsafe _ = state.pointee.violate(.pingFlood)
        }
        if unsafe result < 0 || state.pointee.violation != nil { terminate() }
    }

    /// Whether the fields of a request have begun to come and have not all come.
    public var isReadingHead: Bool { unsafe state.pointee.composer.section != .nothing }

    /// A head that has come in part goes on where it was: other sessions use the same arena.
    private func restoreHead() {
        if unsafe state.pointee.composer.section != .nothing {
            let batch = unsafe engine.batch
            let start = unsafe batch.pointee.heads.count
            unsafe batch.pointee.heads.append(state.pointee.unfinishedText)
            unsafe batch.pointee.cookies.append(state.pointee.unfinishedCookies)
            unsafe state.pointee.composer.move(to: start)
        }
        unsafe state.pointee.unfinishedText.release()
        unsafe state.pointee.unfinishedCookies.release()
    }

    private func stashHead() {
        let batch = unsafe engine.batch
        if unsafe state.pointee.composer.section != .nothing {
            let start = unsafe state.pointee.composer.start
            unsafe state.pointee.unfinishedText.append(batch.pointee.heads, from: start)
            unsafe state.pointee.unfinishedCookies.append(batch.pointee.cookies)
        }
        unsafe batch.pointee.cookies.removeAll()
    }

    /// Lets a stream's client send more, because so many bytes were taken.
    public mutating func consume(_ count: Int, of stream: StreamHandle) {
        guard let id = id(of: stream), count > 0 else { return }
        unsafe nghttp2_session_consume_stream(session, id, count)
    }

    // MARK: Writing

    /// Writes as much as there is and fits; nothing when nothing is left, or nothing that may be.
    ///
    /// - Parameters:
    ///   - output: must be empty, with room for ``pieceBytesMax`` at least; the engine's gaps in it are
    ///     to be filled before it is sent.
    ///   - now: nanoseconds on a clock that does not go back.
    @_lifetime(output: copy output)
    public mutating func write(into output: inout OutputRawSpan, at now: UInt64) {
        precondition(output.byteCount == 0 && output.freeCapacity >= Self.pieceBytesMax)
        unsafe state.pointee.now = now
        let batch = unsafe engine.batch
        unsafe batch.pointee.gaps.removeAll(keepingCapacity: true)
        unsafe output.withUnsafeMutableBytes { buffer, initializedCount in
            unsafe batch.pointee.output = buffer.baseAddress?.assumingMemoryBound(to: UInt8.self)
            unsafe batch.pointee.outputLimit = buffer.count
            unsafe batch.pointee.outputCount = 0
            unsafe writePieces(batch)
            if unsafe !state.pointee.hasWritten, unsafe batch.pointee.outputCount > 0 {
                unsafe state.pointee.hasWritten = true
                unsafe correctSettings(batch)
            }
            if unsafe state.pointee.violation != nil, stage != .broken {
                terminate()
                unsafe writePieces(batch)
            }
            initializedCount = unsafe batch.pointee.outputCount
        }
        unsafe batch.pointee.output = nil
    }

    private mutating func writePieces(_ batch: UnsafeMutablePointer<HTTP2Engine.Batch>) {
        while unsafe !batch.pointee.isFull {
            var piece: UnsafePointer<UInt8>?
            let count = unsafe nghttp2_session_mem_send(session, &piece)
            guard count > 0, let piece = unsafe piece else {
                // Without memory there is no answer left to be given.
                if count < 0 { stage = .broken }
                return
            }
            unsafe batch.pointee.append(piece, count, leaving: 0)
        }
    }

    /// Whether there is something to be written.
    public var hasOutput: Bool { unsafe nghttp2_session_want_write(session) != 0 }

    // MARK: Streams

    /// How many streams are not over.
    public var openStreamCount: Int { unsafe state.pointee.openCount }

    /// What the owner of a stream knows it by; `nil` for nobody's.
    public func owner(of stream: StreamHandle) -> UInt32? {
        let owner = unsafe state.pointee.streams[Int(stream.rawValue)].owner
        return owner == .max ? nil : owner
    }

    /// Gives a stream an owner, or takes it away.
    public mutating func setOwner(of stream: StreamHandle, to owner: UInt32?) {
        unsafe state.pointee.streams[Int(stream.rawValue)].owner = owner ?? .max
    }

    /// Whether a stream is over, or about to be: nothing can be sent on it.
    public func isOver(_ stream: StreamHandle) -> Bool { id(of: stream) == nil }

    /// Whether a stream is over, with its event.
    public func isClosed(_ stream: StreamHandle) -> Bool {
        unsafe state.pointee.streams[Int(stream.rawValue)].id == 0
    }

    /// Frees the place of a stream that is over; its handle means nothing any more.
    public mutating func release(_ stream: StreamHandle) {
        unsafe state.pointee.releasePlace(stream)
    }

    /// The owners of all streams.
    public var owners: [UInt32] {
        unsafe state.pointee.streams.map(\.owner).filter { $0 != .max }
    }

    /// Offers bytes of a response's body, which are to be put into gaps later.
    public mutating func offer(_ count: Int, on stream: StreamHandle) {
        guard let id = id(of: stream), count > 0 else { return }
        unsafe state.pointee.streams[Int(stream.rawValue)].available += count
        resume(stream, id)
    }

    /// Ends a response behind the bytes that were offered.
    public mutating func endResponse(on stream: StreamHandle) {
        guard let id = id(of: stream) else { return }
        unsafe state.pointee.streams[Int(stream.rawValue)].isEnded = true
        resume(stream, id)
    }

    private func resume(_ stream: StreamHandle, _ id: Int32) {
        let place = Int(stream.rawValue)
        guard unsafe state.pointee.streams[place].isDeferred else { return }
        unsafe state.pointee.streams[place].isDeferred = false
        unsafe nghttp2_session_resume_data(session, id)
    }

    /// Ends a stream at once (RFC 9113 §6.4).
    public mutating func reset(_ stream: StreamHandle, _ code: StreamResetCode) {
        guard let id = id(of: stream) else { return }
        // What was offered may not be there any more when it would be written.
        unsafe state.pointee.streams[Int(stream.rawValue)].isReset = true
        unsafe nghttp2_submit_rst_stream(
            session,
            UInt8(NGHTTP2_FLAG_NONE.rawValue),
            id,
            code.rawValue
        )
    }

    private func id(of stream: StreamHandle) -> Int32? {
        let stream = unsafe state.pointee.streams[Int(stream.rawValue)]
        return stream.isReset || stream.id == 0 ? nil : stream.id
    }

    // MARK: Responses

    /// Sends the head of a response.
    ///
    /// - Parameters:
    ///   - bytes: the head as text of HTTP/1.1, interim or final, and what follows it. A 101 becomes the
    ///     200 of an extended CONNECT (RFC 8441 §5).
    ///   - stream: whose response it is.
    ///   - content: whether a body may follow.
    /// - Returns: the length of the head, and whether it is the final one.
    public mutating func respond(
        _ bytes: RawSpan,
        on stream: StreamHandle,
        _ content: MessageContent
    ) -> (length: Int, isFinal: Bool) {
        let batch = unsafe engine.batch
        return unsafe bytes.withUnsafeBytes { buffer in
            let head = unsafe ResponseFields.read(buffer, into: &batch.pointee.fields)
            guard let id = id(of: stream) else { return (head.length, head.isFinal) }
            let fields = unsafe batch.pointee.fields
            let flags = UInt8(NGHTTP2_FLAG_NONE.rawValue)
            if !head.isFinal {
                unsafe nghttp2_submit_headers(session, flags, id, nil, fields, fields.count, nil)
            } else if content == .expected, !head.isWithoutBody {
                var source = unsafe nghttp2_data_provider()
                unsafe source.read_callback = bytesAvailable
                unsafe nghttp2_submit_response(session, id, fields, fields.count, &source)
            } else {
                unsafe nghttp2_submit_response(session, id, fields, fields.count, nil)
            }
            return (head.length, head.isFinal)
        }
    }

    /// Ends a response with trailers, behind the bytes that were offered.
    ///
    /// - Parameters:
    ///   - stream: whose response it is.
    ///   - lines: the fields as lines of HTTP/1.1.
    public mutating func endResponse(on stream: StreamHandle, trailers lines: RawSpan) {
        if id(of: stream) != nil, lines.byteCount > 0 {
            let copy = unsafe lines.withUnsafeBytes { unsafe [UInt8]($0) }
            unsafe state.pointee.trailers[stream.rawValue] = copy
            unsafe state.pointee.streams[Int(stream.rawValue)].hasTrailers = true
        }
        endResponse(on: stream)
    }

    // MARK: The connection's end

    /// Announces that there will be an end, so that requests on their way are still served
    /// (RFC 9113 §6.8).
    public mutating func announceEnd() {
        unsafe nghttp2_submit_shutdown_notice(session)
    }

    /// Asks the client for an answer, which comes after everything that it had sent by then.
    public mutating func ping() {
        unsafe nghttp2_submit_ping(session, UInt8(NGHTTP2_FLAG_NONE.rawValue), nil)
    }

    /// Takes no more requests; those that came are still served.
    public mutating func goAway() {
        unsafe nghttp2_submit_goaway(
            session,
            UInt8(NGHTTP2_FLAG_NONE.rawValue),
            nghttp2_session_get_last_proc_stream_id(session),
            NGHTTP2_NO_ERROR.rawValue,
            nil,
            0
        )
        if stage == .serving { stage = .ending }
    }

    /// Whether nothing is left to be read: one of the two sides takes or makes no more requests,
    /// and no stream is open.
    public var isLeftByClient: Bool {
        unsafe nghttp2_session_want_read(session) == 0
    }

    /// Ends everything because of what the client did.
    private mutating func terminate() {
        stage = .broken
        let violation = unsafe state.pointee.violation ?? .protocolError
        // Where libnghttp2 has found the error it has said GOAWAY already, with the code that fits.
        let code =
            violation == .protocolError ? NGHTTP2_PROTOCOL_ERROR : NGHTTP2_ENHANCE_YOUR_CALM
        unsafe nghttp2_session_terminate_session(session, code.rawValue)
    }
}
