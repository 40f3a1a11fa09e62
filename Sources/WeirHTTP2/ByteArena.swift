// SPDX-License-Identifier: Apache-2.0

/// Bytes that are appended one after the other and forgotten together; its memory grows and stays.
@safe struct ByteArena: ~Copyable {
    private var memory: UnsafeMutablePointer<UInt8>?
    private var capacity = 0
    private(set) var count = 0

    /// More memory than this is not kept.
    private static let keptBytes = 1 << 18

    init() { unsafe memory = nil }

    deinit { unsafe memory?.deallocate() }

    /// The bytes.
    var bytes: RawSpan {
        @_lifetime(borrow self)
        get {
            let span = unsafe RawSpan(
                _unsafeStart: UnsafeRawPointer(memory ?? Self.nowhere),
                byteCount: count
            )
            return unsafe _overrideLifetime(span, borrowing: self)
        }
    }

    private static var nowhere: UnsafeMutablePointer<UInt8> {
        unsafe UnsafeMutablePointer(bitPattern: 1).unsafelyUnwrapped
    }

    mutating func append(_ byte: UInt8) {
        reserve(1)
        unsafe memory.unsafelyUnwrapped[count] = byte
        count += 1
    }

    @inline(__always)
    mutating func append(_ text: StaticString) {
        unsafe append(text.utf8Start, text.utf8CodeUnitCount)
    }

    @inline(__always)
    mutating func append(_ source: UnsafePointer<UInt8>, _ length: Int) {
        guard length > 0 else { return }
        reserve(length)
        unsafe (memory.unsafelyUnwrapped + count).update(from: source, count: length)
        count += length
    }

    /// Appends bytes that it has already.
    mutating func appendOwn(_ range: Range<Int>) {
        precondition(range.lowerBound >= 0 && range.upperBound <= count)
        guard !range.isEmpty else { return }
        reserve(range.count)
        let start = unsafe memory.unsafelyUnwrapped
        unsafe (start + count).update(from: start + range.lowerBound, count: range.count)
        count += range.count
    }

    /// Appends what another one has from an offset on.
    mutating func append(_ other: borrowing ByteArena, from offset: Int = 0) {
        precondition(offset <= other.count)
        guard let source = unsafe other.memory else { return }
        unsafe append(source + offset, other.count - offset)
    }

    /// The byte at an offset.
    subscript(offset: Int) -> UInt8 {
        precondition(offset >= 0 && offset < count)
        return unsafe memory.unsafelyUnwrapped[offset]
    }

    /// Forgets everything.
    mutating func removeAll() {
        count = 0
        guard capacity > Self.keptBytes else { return }
        release()
    }

    /// Forgets everything, and gives the memory back.
    mutating func release() {
        unsafe memory?.deallocate()
        unsafe memory = nil
        capacity = 0
        count = 0
    }

    @inline(__always)
    private mutating func reserve(_ length: Int) {
        if capacity &- count < length { grow(by: length) }
    }

    @inline(never)
    private mutating func grow(by length: Int) {
        capacity = max(1_024, 2 * capacity, count + length)
        let larger = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity)
        if let memory = unsafe memory {
            unsafe larger.update(from: memory, count: count)
            unsafe memory.deallocate()
        }
        unsafe memory = unsafe larger
    }
}
