// SPDX-License-Identifier: Apache-2.0

@testable import WeirHTTP2

/// A session with a client at its other end that says what a test wants, and an owner that takes
/// everything down.
final class TestConnection {
    /// An event with what it speaks of; streams are the numbers of their places.
    enum Seen: Equatable, Sendable {
        case head(UInt32, String)
        case oversizedHead(UInt32)
        case body(UInt32, String)
        case trailers(UInt32, String)
        case requestEnded(UInt32)
        case responseEnded(UInt32)
        case closed(UInt32)
        case pingAnswered
        case failed(HTTP2Error)
    }

    /// Whether the places of streams that are over are released.
    enum Releasing {
        case atOnce, never
    }

    let engine: HTTP2Engine
    var session: HTTP2Session
    var releasing = Releasing.atOnce
    /// Nanoseconds.
    var now: UInt64 = 1_000_000_000_000
    /// What happened while it wrote.
    var seenWriting: [Seen] = []
    /// Bytes of responses that were offered and not written, by place.
    private var bodies: [UInt32: [UInt8]] = [:]
    private let inflater: TestInflater

    static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)
    static let headBytes = 1_000

    /// A session that has not read anything.
    init(_ engine: HTTP2Engine? = nil, headBytes: Int = headBytes) throws {
        guard let engine = engine ?? HTTP2Engine(limits: HTTP2Limits(headBytes: headBytes)),
            let session = HTTP2Session(engine)
        else { throw NoMemory() }
        self.engine = engine
        self.session = session
        inflater = try TestInflater()
    }

    /// A session that has exchanged its SETTINGS with the client.
    static func open(
        _ engine: HTTP2Engine? = nil,
        settings: [UInt16: UInt32] = [:],
        headBytes: Int = headBytes
    ) throws -> TestConnection {
        let connection = try TestConnection(engine, headBytes: headBytes)
        connection.send(preface + TestFrame.settings(settings).bytes + TestFrame.settingsAck.bytes)
        connection.write()
        connection.pass(seconds: 60)
        return connection
    }

    func pass(seconds: Double) { now += UInt64(seconds * 1_000_000_000) }

    // MARK: The client

    @discardableResult
    func send(_ frames: TestFrame...) -> [Seen] { send(frames.flatMap(\.bytes)) }

    @discardableResult
    func send(_ bytes: [UInt8]) -> [Seen] {
        unsafe session.receive(bytes.span.bytes, at: now)
        return takeEvents(bytes)
    }

    private func takeEvents(_ input: [UInt8]) -> [Seen] {
        var seen: [Seen] = []
        for position in 0..<engine.eventCount {
            switch engine.event(position) {
            case .head(let stream, let text): seen.append(.head(stream.rawValue, read(text)))
            case .oversizedHead(let stream): seen.append(.oversizedHead(stream.rawValue))
            case .body(let stream, let part):
                let bytes = input[part.range]
                seen.append(.body(stream.rawValue, String(decoding: bytes, as: UTF8.self)))
            case .trailers(let stream, let text):
                seen.append(.trailers(stream.rawValue, read(text)))
            case .requestEnded(let stream): seen.append(.requestEnded(stream.rawValue))
            case .responseEnded(let stream): seen.append(.responseEnded(stream.rawValue))
            case .closed(let stream):
                seen.append(.closed(stream.rawValue))
                if releasing == .atOnce { session.release(stream) }
            case .pingAnswered: seen.append(.pingAnswered)
            case .failed(let error): seen.append(.failed(error))
            }
        }
        engine.forgetEvents()
        return seen
    }

    private func read(_ text: StreamEvent.Extent) -> String {
        engine.read(text) { bytes in
            unsafe bytes.withUnsafeBytes { unsafe String(decoding: $0, as: UTF8.self) }
        }
    }

    // MARK: The owner

    var stage: HTTP2Session.Stage { session.stage }
    var openStreamCount: Int { session.openStreamCount }
    var isReadingHead: Bool { session.isReadingHead }
    var isLeftByClient: Bool { session.isLeftByClient }
    var hasOutput: Bool { session.hasOutput }
    func isOver(_ place: UInt32) -> Bool { session.isOver(StreamHandle(place)) }
    func owner(of place: UInt32) -> UInt32? { session.owner(of: StreamHandle(place)) }
    var owners: [UInt32] { session.owners }

    /// Answers with lines, which have no CRLF yet.
    @discardableResult
    func respond(
        _ place: UInt32,
        _ lines: String...,
        content: MessageContent = .expected
    ) -> Bool {
        let head = Array((lines + ["", ""]).joined(separator: "\r\n").utf8)
        let result = unsafe session.respond(
            (head + [7]).span.bytes,
            on: StreamHandle(place),
            content
        )
        precondition(result.length == head.count)
        return result.isFinal
    }

    func offer(_ place: UInt32, _ bytes: [UInt8]) {
        bodies[place, default: []] += bytes
        session.offer(bytes.count, on: StreamHandle(place))
    }

    func offer(_ place: UInt32, _ text: String) { offer(place, Array(text.utf8)) }

    func endResponse(_ place: UInt32) { session.endResponse(on: StreamHandle(place)) }

    func endResponse(_ place: UInt32, trailers: String) {
        let lines = Array(trailers.utf8)
        unsafe session.endResponse(on: StreamHandle(place), trailers: lines.span.bytes)
    }

    func reset(_ place: UInt32, _ code: StreamResetCode) {
        session.reset(StreamHandle(place), code)
    }

    func consume(_ count: Int, of place: UInt32) {
        session.consume(count, of: StreamHandle(place))
    }

    // MARK: Writing

    /// All that the session has to write, in batches of `room` bytes at most.
    @discardableResult
    func write(room: Int = 65_536) -> [TestFrame] {
        seenWriting = []
        var bytes: [UInt8] = []
        while true {
            let batch = writeBatch(room)
            if batch.isEmpty { break }
            bytes += batch
        }
        return frames(bytes)
    }

    private func writeBatch(_ room: Int) -> [UInt8] {
        var batch = unsafe [UInt8](unsafeUninitializedCapacity: room) { buffer, count in
            let all = unsafe UnsafeMutableRawBufferPointer(
                rebasing: UnsafeMutableRawBufferPointer(buffer)[..<room]
            )
            var output = unsafe OutputRawSpan(buffer: all, initializedCount: 0)
            session.write(into: &output, at: now)
            count = unsafe output.finalize(for: all)
        }
        for position in 0..<engine.gapCount {
            let gap = engine.gap(position)
            let place = gap.stream.rawValue
            let part = bodies[place, default: []].prefix(gap.extent.range.count)
            batch.replaceSubrange(gap.extent.range, with: part)
            bodies[place, default: []].removeFirst(part.count)
        }
        seenWriting += takeEvents([])
        return batch
    }

    private func frames(_ bytes: [UInt8]) -> [TestFrame] {
        var frames: [TestFrame] = []
        var block: [UInt8] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            let head = Array(rest.prefix(9))
            let length = head[..<3].reduce(0) { $0 << 8 | Int($1) }
            let stream = head[5...].reduce(0) { $0 << 8 | UInt32($1) }
            rest = rest.dropFirst(9)
            var frame = TestFrame(type: head[3], flags: head[4], stream: stream)
            frame.payload = Array(rest.prefix(length))
            precondition(frame.payload.count == length, "a frame is cut off")
            rest = rest.dropFirst(length)
            if frame.type == 1 || frame.type == 9 {
                block += frame.payload
                if frame.has(TestFrame.endHeaders) {
                    frame.fields = inflater.fields(block) ?? ["broken"]
                    block = []
                }
            }
            frames.append(frame)
        }
        return frames
    }
}
