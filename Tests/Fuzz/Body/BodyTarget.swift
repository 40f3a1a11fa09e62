// SPDX-License-Identifier: Apache-2.0

import WeirHTTP

@c(LLVMFuzzerTestOneInput)
public func fuzzBody(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let input = unsafe FuzzInput(start, count: count)
    BodyTarget(input).check()
    return 0
}

/// What must hold of every body, above all of a chunked one.
struct BodyTarget {
    private let input: FuzzInput
    private let framing: MessageFraming
    private let prelude: Prelude
    private let reader: BodyReader

    init(_ input: FuzzInput) {
        self.input = input
        switch (input.has(0), input.has(1)) {
        case (true, true): framing = .untilClose
        case (true, false): framing = .counted(UInt64(input.knob))
        case (false, _): framing = .chunked
        }
        let isLong = framing == .chunked && input.has(2)
        prelude = isLong ? Prelude.all[input.knob % Prelude.all.count] : .none
        reader = framing == .chunked ? prelude.reader : BodyReader(framing)
    }

    func check() {
        let bytes = input.message
        let whole = BodyReading(bytes, reader, cuts: [])
        let torn = BodyReading(bytes, reader, cuts: input.cuts(of: bytes.count))
        require(torn == whole, "cut, it is another body")
        let single = BodyReading(oneByOne: bytes, reader)
        require(single == whole, "byte by byte, it is another body")
        switch framing {
        case .none: break
        case .untilClose:
            require(whole == expected(bytes[...], end: nil), "not all is taken until the close")
        case .counted(let length):
            let count = min(Int(length), bytes.count)
            let end = count == Int(length) ? count : nil
            require(whole == expected(bytes[..<count], end: end), "it is not counted right")
        case .chunked: checkChunked(whole)
        }
    }

    private func expected(_ data: ArraySlice<UInt8>, end: Int?) -> BodyReading {
        var reading = BodyReading([], BodyReader(.none), cuts: [])
        reading.data = Array(data)
        reading.end = end
        return reading
    }

    private func checkChunked(_ whole: BodyReading) {
        let reference = ReferenceBody(prelude.short + input.message, prelude.limits)
        switch reference.outcome {
        case .finished(let end):
            require(whole.error == nil, "a body is refused that the grammar has")
            require(
                whole.end == end - prelude.short.count,
                "it ends elsewhere than the grammar says"
            )
        case .unfinished: require(whole.end == nil, "it ends and the grammar has more")
        case .refused: require(whole.error != nil, "a body is taken that the grammar has not")
        }
        // What came in front of a fault has been passed on already.
        require(
            whole.error != nil
                ? reference.data.starts(with: whole.data) || whole.data.starts(with: reference.data)
                : reference.data == whole.data,
            "the data is not what the grammar says"
        )
        if whole.error == nil { checkWritten(whole.data) }
    }

    /// What weir writes anew for a body is read as the same data.
    private func checkWritten(_ data: [UInt8]) {
        let chunkBytes = 1 + input.knob
        let count = (data.count + chunkBytes - 1) / chunkBytes
        let framingBytes = ChunkWriter.sizeLineBytesMax + ChunkWriter.lineEndBytes
        let capacity = data.count + count * framingBytes + ChunkWriter.lastChunkBytes
        let text = written(capacity: capacity) { output in
            for start in stride(from: 0, to: data.count, by: chunkBytes) {
                let chunk = data[start..<min(start + chunkBytes, data.count)]
                ChunkWriter.writeSizeLine(chunk.count, into: &output)
                for byte in chunk { output.append(byte) }
                ChunkWriter.writeLineEnd(into: &output)
            }
            ChunkWriter.writeLastChunk(into: &output)
            ChunkWriter.writeLineEnd(into: &output)
        }
        let again = BodyReading(text, BodyReader(.chunked), cuts: [])
        require(again == expected(data[...], end: text.count), "what is written reads differently")
    }
}
