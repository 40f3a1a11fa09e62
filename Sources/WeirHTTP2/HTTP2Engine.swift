// SPDX-License-Identifier: Apache-2.0

internal import CNGHTTP2

/// What the sessions of one thread share: libnghttp2's settings, and the place where a session that
/// reads or writes says what has happened.
///
/// A session never calls out: it leaves ``events`` behind, which are read before the next one is
/// asked for anything.
@safe public final class HTTP2Engine {
    /// What is left out of a written batch: bytes of a response that their owner puts there.
    public struct Gap: BitwiseCopyable {
        /// Whose bytes.
        public let stream: StreamHandle
        /// Where, in the output.
        public let extent: StreamEvent.Extent
    }

    /// All of it lies behind one pointer, which is what libnghttp2's callbacks are given.
    @safe struct Batch: ~Copyable {
        var events: [StreamEvent] = []
        var gaps: [Gap] = []
        var heads = ByteArena()
        var cookies = ByteArena()
        /// The input at hand, to tell where in it a body is.
        var input: UnsafePointer<UInt8>?
        /// The output at hand.
        var output: UnsafeMutablePointer<UInt8>?
        var outputCount = 0
        var outputLimit = 0
        /// The fields of the response at hand.
        var fields: [nghttp2_nv]

        init() {
            unsafe input = nil
            unsafe output = nil
            events.reserveCapacity(256)
            gaps.reserveCapacity(128)
            unsafe fields = []
            unsafe fields.reserveCapacity(64)
        }
    }

    let limits: HTTP2Limits
    let batch: UnsafeMutablePointer<Batch>
    let pool: UnsafeMutablePointer<BlockPool>
    let callbacks: OpaquePointer
    let options: OpaquePointer

    /// `nil` when there is no memory for it.
    ///
    /// - Parameter limits: what every connection is held to.
    public init?(limits: HTTP2Limits) {
        self.limits = limits
        var callbacks: OpaquePointer?
        var options: OpaquePointer?
        guard unsafe nghttp2_session_callbacks_new(&callbacks) == 0,
            unsafe nghttp2_option_new(&options) == 0,
            let callbacks = unsafe callbacks, let options = unsafe options
        else { return nil }
        unsafe self.callbacks = callbacks
        unsafe self.options = options
        unsafe batch = .allocate(capacity: 1)
        unsafe batch.initialize(to: Batch())
        unsafe pool = .allocate(capacity: 1)
        unsafe pool.initialize(to: BlockPool())
        unsafe setCallbacks(of: callbacks)
        unsafe Self.set(options)
    }

    deinit {
        unsafe nghttp2_session_callbacks_del(callbacks)
        unsafe nghttp2_option_del(options)
        unsafe batch.deinitialize(count: 1)
        unsafe batch.deallocate()
        unsafe pool.deinitialize(count: 1)
        unsafe pool.deallocate()
    }

    private static func set(_ options: OpaquePointer) {
        // Windows open as weir's buffers empty.
        unsafe nghttp2_option_set_no_auto_window_update(options, 1)
        unsafe nghttp2_option_set_no_closed_streams(options, 1)
        // RFC 9218 §7.1.
        unsafe nghttp2_option_set_builtin_recv_extension_type(
            options,
            UInt8(NGHTTP2_PRIORITY_UPDATE.rawValue)
        )
        // Counted here, with reasons of their own; those that are ignored only where they are unknown.
        unsafe nghttp2_option_set_stream_reset_rate_limit(options, 1 << 30, 1 << 30)
        unsafe nghttp2_option_set_max_continuations(options, 2 * HTTP2Limits.continuations)
        unsafe nghttp2_option_set_max_outbound_ack(options, 4 * Int(HTTP2Limits.burst))
        for type in UInt8(NGHTTP2_CONTINUATION.rawValue + 1)...UInt8.max
        where UInt32(type) != NGHTTP2_PRIORITY_UPDATE.rawValue {
            unsafe nghttp2_option_set_user_recv_extension_type(options, type)
        }
    }

    // MARK: What a session has left behind

    /// How many events there are.
    public var eventCount: Int { unsafe batch.pointee.events.count }

    /// One of them.
    public func event(_ position: Int) -> StreamEvent { unsafe batch.pointee.events[position] }

    /// How many gaps the last batch written has.
    public var gapCount: Int { unsafe batch.pointee.gaps.count }

    /// One of them.
    public func gap(_ position: Int) -> Gap { unsafe batch.pointee.gaps[position] }

    /// Lends the text of a head or of trailers.
    ///
    /// - Parameters:
    ///   - extent: as its event has it.
    ///   - body: reads it.
    /// - Returns: what `body` does.
    public func read<Result>(_ extent: StreamEvent.Extent, _ body: (RawSpan) -> Result) -> Result {
        body(unsafe batch.pointee.heads.bytes.extracting(extent.range))
    }

    /// Forgets the events, which were acted upon.
    public func forgetEvents() {
        unsafe batch.pointee.events.removeAll(keepingCapacity: true)
        unsafe batch.pointee.heads.removeAll()
    }
}
