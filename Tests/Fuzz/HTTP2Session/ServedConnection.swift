// SPDX-License-Identifier: Apache-2.0

import WeirHTTP
import WeirHTTP2

/// A session with an owner that answers somehow, and checks all it is told.
struct ServedConnection: ~Copyable {
    private let engine: HTTP2Engine
    private let input: FuzzInput
    private var session: HTTP2Session
    private var choices: Choices
    private var streams: [ServedStream] = []
    private var check = FrameCheck()
    private var now: UInt64 = 1

    /// Outputs of each size; with nothing behind the end that could be written to unnoticed.
    nonisolated(unsafe) private static let outputs = unsafe [
        65_536, HTTP2Session.pieceBytesMax, HTTP2Session.pieceBytesMax + 9,
        2 * HTTP2Session.pieceBytesMax - 1,
    ].map { UnsafeMutableRawBufferPointer.allocate(byteCount: $0, alignment: 1) }

    init?(_ engine: HTTP2Engine, _ input: FuzzInput) {
        guard let session = HTTP2Session(engine) else { return nil }
        self.engine = engine
        self.input = input
        self.session = session
        choices = Choices(input)
    }

    // MARK: Reading

    mutating func receive(_ bytes: ArraySlice<UInt8>) {
        if !input.has(6) { now += 100_000_000 }
        unsafe session.receive(bytes.span.bytes, at: now)
        actOnEvents(inputCount: bytes.count)
        require(session.openStreamCount <= HTTP2Limits.streams, "there are too many streams")
        if input.has(4) { return }
        for index in streams.indices where streams[index].untaken > 0 {
            session.consume(streams[index].untaken, of: streams[index].handle)
            streams[index].untaken = 0
        }
    }

    private mutating func actOnEvents(inputCount: Int) {
        for position in 0..<engine.eventCount {
            switch engine.event(position) {
            case .head(let handle, let text):
                let index = begin(handle)
                readHead(text, of: index)
                answer(index, .atHead)
            case .oversizedHead(let handle): answer(begin(handle), .atHead)
            case .body(let handle, let part):
                require(part.range.upperBound <= inputCount, "a body lies outside of the input")
                let index = index(handle)
                streams[index].take(part.range.count)
                if !input.has(3) {
                    session.consume(part.range.count, of: handle)
                    streams[index].untaken = 0
                }
            case .trailers(let handle, let text):
                streams[index(handle)].takeTrailers()
                engine.read(text) { bytes in
                    let lines = ServedStream.copy(bytes) + [0x0D, 0x0A]
                    require(PlainHead([0x0D, 0x0A] + lines) != nil, "trailers are no lines")
                }
            case .requestEnded(let handle):
                let index = index(handle)
                streams[index].endRequest()
                answer(index, .atEnd)
            case .responseEnded(let handle): streams[index(handle)].endResponse()
            case .closed(let handle):
                if let owner = session.owner(of: handle) { streams[Int(owner)].close() }
                require(session.isOver(handle), "a closed stream is not over")
                session.release(handle)
            case .pingAnswered, .failed: break
            }
        }
        engine.forgetEvents()
    }

    private mutating func begin(_ handle: StreamHandle) -> Int {
        require(session.owner(of: handle) == nil, "a new stream has an owner")
        session.setOwner(of: handle, to: UInt32(streams.count))
        streams.append(ServedStream(handle))
        return streams.count - 1
    }

    private func index(_ handle: StreamHandle) -> Int {
        guard let owner = session.owner(of: handle) else {
            require(false, "an event speaks of a stream without a head")
            return 0
        }
        return Int(owner)
    }

    private mutating func readHead(_ text: StreamEvent.Extent, of index: Int) {
        let reading = engine.read(text) { ServedStream.Reading($0) }
        streams[index].reading = reading
    }

    // MARK: Answering

    private mutating func answer(_ index: Int, _ moment: ServedStream.Moment) {
        switch choices.next(10) {
        case 0: reset(index)
        case 1: respond(index, .interim)
        case 2 where moment == .atHead: break
        case 3 where moment == .atHead: respond(index, .interim)
        case 4: respond(index, .unfinished)
        case 5: respond(index, .trailed)
        default: respond(index, .whole)
        }
    }

    /// Answers what has no answer, unless it never gets one.
    mutating func answerAll() {
        for index in streams.indices { answer(index, .atEnd) }
    }

    private enum Answer {
        case interim, whole, unfinished, trailed
    }

    private mutating func respond(_ index: Int, _ answer: Answer) {
        let handle = streams[index].handle
        guard !streams[index].isClosed else { return }
        if !streams[index].isAnswered {
            let isInterim = answer == .interim
            let heads = isInterim ? ResponseTexts.interim : ResponseTexts.final
            let isLarge = !isInterim && choices.next(100) == 0
            let head = isLarge ? ResponseTexts.large : heads[choices.next(heads.count)]
            let content: MessageContent = streams[index].reading.isHead ? .none : .expected
            let result = unsafe session.respond(head.span.bytes, on: handle, content)
            require(result.length <= head.count, "a head is longer than all that there is")
            require(result.isFinal != isInterim, "interim and final are mixed up")
            streams[index].isAnswered = !isInterim
        }
        guard streams[index].isAnswered, !streams[index].isEnded else { return }
        let count = ResponseTexts.sizes[choices.next(ResponseTexts.sizes.count)]
        session.offer(count, on: handle)
        streams[index].offered += count
        switch answer {
        case .interim, .unfinished: return
        case .whole: session.endResponse(on: handle)
        case .trailed:
            let lines = ResponseTexts.trailers[choices.next(ResponseTexts.trailers.count)]
            unsafe session.endResponse(on: handle, trailers: lines.span.bytes)
        }
        streams[index].isEnded = true
    }

    private mutating func reset(_ index: Int) {
        guard !streams[index].isClosed else { return }
        let codes: [StreamResetCode] = [.noError, .internalError, .refusedStream, .cancel]
        session.reset(streams[index].handle, codes[choices.next(codes.count)])
        streams[index].offered = 0
    }

    mutating func announceEnd() { session.announceEnd() }
    mutating func goAway() { session.goAway() }
    mutating func ping() { session.ping() }

    // MARK: Writing

    /// Writes all there is.
    mutating func write() {
        let room = unsafe Self.outputs[input.has(2) ? 1 + input.knob % 3 : 0]
        var rounds = 0
        while true {
            var output = unsafe OutputRawSpan(buffer: room, initializedCount: 0)
            session.write(into: &output, at: now)
            let count = unsafe output.finalize(for: room)
            unsafe fillGaps(UnsafeMutableRawBufferPointer(rebasing: room[..<count]))
            actOnEvents(inputCount: 0)
            rounds += 1
            require(rounds < 10_000, "writing does not come to an end")
            // What is acted upon while it writes is written next time.
            guard count == 0 else { continue }
            require(!session.hasOutput, "what is to be written is not written")
            return
        }
    }

    private mutating func fillGaps(_ output: UnsafeMutableRawBufferPointer) {
        var gaps: [Range<Int>] = []
        for position in 0..<engine.gapCount {
            let gap = engine.gap(position)
            let range = gap.extent.range
            require(!range.isEmpty && range.upperBound <= output.count, "a gap lies outside")
            require(range.lowerBound >= gaps.last?.upperBound ?? 0, "gaps overlap")
            let index = index(gap.stream)
            streams[index].write(range.count)
            unsafe output[range].initializeMemory(as: UInt8.self, repeating: 0xDA)
            gaps.append(range)
        }
        unsafe check.read(UnsafeRawBufferPointer(output), gaps: gaps)
    }
}
