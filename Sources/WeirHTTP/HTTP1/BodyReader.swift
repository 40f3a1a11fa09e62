// SPDX-License-Identifier: Apache-2.0

/// Finds the body of one message in what its connection delivers (RFC 9112 §6.3), whichever way
/// it is framed and however it is cut.
///
/// ```
/// var reader = BodyReader(head.framing)
/// var offset = 0
/// while case .data(let range) = reader.next(bytes, from: &offset) { use(range) }
/// ```
public struct BodyReader: BitwiseCopyable, Sendable {
    /// What the next bytes are.
    public enum Step: Equatable, Sendable {
        /// Body bytes at these offsets; the next step begins behind them.
        case data(Range<Int>)
        /// Bytes of the trailer section at these offsets, in order; the next step begins behind them.
        case trailers(Range<Int>)
        /// All input is consumed, and the body is not at its end.
        case needsMore
        /// The body is at its end: what lies from `end` on belongs to the next message.
        case finished(end: Int)
        /// The framing is broken: neither the body nor anything behind it can be trusted.
        case refused(BodyError)
    }

    /// What the end of the input makes of the body.
    public enum EndOfInput: Equatable, Sendable {
        case complete, truncated
    }

    @usableFromInline
    enum State: BitwiseCopyable, Sendable {
        case counted(remaining: UInt64)
        case chunked
        case untilClose
    }

    @usableFromInline var state: State
    @usableFromInline var decoder = ChunkedDecoder()

    /// Where a message begins; in line, since every exchange has two of them.
    @inlinable
    public init(_ framing: MessageFraming) {
        state =
            switch framing {
            case .none: .counted(remaining: 0)
            case .counted(let length): .counted(remaining: length)
            case .chunked: .chunked
            case .untilClose: .untilClose
            }
    }

    /// Takes one step over `bytes` and moves `offset` behind what it consumed.
    ///
    /// Call it again until it returns something else than ``Step/data(_:)`` and
    /// ``Step/trailers(_:)``, which are never empty. Once finished or refused, the answer stays the same and nothing is consumed.
    public mutating func next(_ bytes: RawSpan, from offset: inout Int) -> Step {
        switch state {
        case .counted(let remaining):
            guard remaining > 0 else { return .finished(end: offset) }
            let start = offset
            let count = Int(min(remaining, UInt64(bytes.byteCount &- start)))
            guard count > 0 else { return .needsMore }
            state = .counted(remaining: remaining &- UInt64(count))
            offset = start &+ count
            return .data(start..<offset)
        case .chunked:
            return decoder.next(bytes, from: &offset)
        case .untilClose:
            let start = offset
            offset = bytes.byteCount
            return start < offset ? .data(start..<offset) : .needsMore
        }
    }

    /// Whether the whole body has been consumed; never true for one that the close ends.
    @inlinable
    public var isFinished: Bool {
        switch state {
        case .counted(let remaining): remaining == 0
        case .chunked: decoder.isFinished
        case .untilClose: false
        }
    }

    /// What the body is when the connection is closed at this point (RFC 9112 §8).
    public func endOfInput() -> EndOfInput {
        switch state {
        case .counted, .chunked: isFinished ? .complete : .truncated
        case .untilClose: .complete
        }
    }

    /// How many bytes are to come, where that is known.
    public var remaining: UInt64? {
        if case .counted(let remaining) = state { remaining } else { nil }
    }
}
