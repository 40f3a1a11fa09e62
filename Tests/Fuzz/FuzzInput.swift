// SPDX-License-Identifier: Apache-2.0

import WeirHTTP

/// What libFuzzer gives: six bytes that choose how the rest is read, and the message.
///
/// In front and not derived from the message, so that the same message is tried in many ways.
struct FuzzInput {
    /// The bits of the first byte; each target gives them a meaning.
    let flags: UInt8
    /// The second byte, for what has more than two values.
    let knob: Int
    let message: [UInt8]
    private let cutChoices: [Int]

    init(_ start: UnsafePointer<UInt8>, count: Int) {
        let bytes = unsafe UnsafeBufferPointer(start: start, count: count)
        let choices = unsafe bytes.prefix(6) + [UInt8](repeating: 0, count: max(6 - count, 0))
        flags = choices[0]
        knob = Int(choices[1])
        cutChoices = [
            Int(choices[2]) << 8 | Int(choices[3]), Int(choices[4]) << 8 | Int(choices[5]),
        ]
        message = unsafe Array(bytes.dropFirst(6))
    }

    func has(_ flag: Int) -> Bool { flags >> flag & 1 != 0 }

    /// Two places to cut something of `count` bytes, in ascending order.
    func cuts(of count: Int) -> [Int] {
        cutChoices.map { $0 % (count + 1) }.sorted()
    }
}

/// Ends the run with a sentence for its log where something does not hold; libFuzzer then keeps
/// the input.
@inline(__always)
func require(_ isTrue: Bool, _ sentence: StaticString) {
    if !isTrue { fatalError("\(sentence)") }
}

/// What `body` writes into an allocation of exactly `capacity` bytes.
func written(capacity: Int, _ body: (inout OutputRawSpan) -> Void) -> [UInt8] {
    unsafe Array(unsafeUninitializedCapacity: capacity) { buffer, initializedCount in
        // The array may have been given more than was asked for.
        let all = UnsafeMutableRawBufferPointer(buffer)
        let room = unsafe UnsafeMutableRawBufferPointer(rebasing: all[..<capacity])
        var output = unsafe OutputRawSpan(buffer: room, initializedCount: 0)
        body(&output)
        initializedCount = unsafe output.finalize(for: room)
    }
}
