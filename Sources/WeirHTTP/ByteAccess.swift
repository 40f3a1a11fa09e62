// SPDX-License-Identifier: Apache-2.0

// The only unsafe code of this target. Byte by byte through `RawSpan` a 665-byte head takes
// 671–834 ns, by checked 16-byte loads 255 ns; copied by bulk appends a rewritten head costs one
// memcpy for each run of kept lines instead of three instructions a byte. Each function below
// checks its bounds before it touches memory and traps where they are broken, so that nothing a
// peer sends can make it read or write outside the span: callers need no `unsafe`.

extension RawSpan {
    /// The byte at `offset`.
    @inline(__always)
    func byte(at offset: Int) -> UInt8 {
        unsafe unsafeLoad(fromByteOffset: offset, as: UInt8.self)
    }

    /// The two bytes from `offset` on, the first one lower.
    @inline(__always)
    func twoBytes(at offset: Int) -> UInt16 {
        UInt16(littleEndian: unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: UInt16.self))
    }

    /// The eight bytes from `offset` on, the first one lowest.
    @inline(__always)
    func eightBytes(at offset: Int) -> UInt64 {
        UInt64(littleEndian: unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }

    /// The sixteen bytes from `offset` on, the first one in lane 0; nil when they are not there.
    @inline(__always)
    func sixteenBytes(at offset: Int) -> SIMD16<UInt8>? {
        guard offset >= 0, offset <= byteCount &- 16 else { return nil }
        return unsafe unsafeLoadUnaligned(
            fromUncheckedByteOffset: offset,
            as: SIMD16<UInt8>.self
        )
    }
}

/// The bytes of a span as the fast paths read them.
///
/// How far a load of each size may begin is worked out once: then one comparison, unsigned so
/// that it also catches what is negative, is all that a load costs.
struct Blocks: ~Escapable {
    let bytes: RawSpan
    /// How many offsets there are at which sixteen, eight and four bytes begin.
    let blockCount: Int
    private let eightCount: Int
    private let fourCount: Int

    @inline(__always)
    @_lifetime(copy bytes)
    init(_ bytes: RawSpan) {
        self.bytes = bytes
        blockCount = max(bytes.byteCount &- 15, 0)
        eightCount = max(bytes.byteCount &- 7, 0)
        fourCount = max(bytes.byteCount &- 3, 0)
    }

    /// The sixteen bytes from `offset` on; nil when they are not there.
    @inline(__always)
    func sixteenBytes(at offset: Int) -> SIMD16<UInt8>? {
        guard UInt(bitPattern: offset) < UInt(bitPattern: blockCount) else { return nil }
        return unsafe bytes.unsafeLoadUnaligned(
            fromUncheckedByteOffset: offset,
            as: SIMD16<UInt8>.self
        )
    }

    /// The eight bytes from `offset` on, the first one lowest; nil when they are not there.
    @inline(__always)
    func eightBytes(at offset: Int) -> UInt64? {
        guard UInt(bitPattern: offset) < UInt(bitPattern: eightCount) else { return nil }
        return UInt64(
            littleEndian: unsafe bytes.unsafeLoadUnaligned(
                fromUncheckedByteOffset: offset,
                as: UInt64.self
            )
        )
    }

    /// The four bytes from `offset` on, the first one lowest; nil when they are not there.
    @inline(__always)
    func fourBytes(at offset: Int) -> UInt32? {
        guard UInt(bitPattern: offset) < UInt(bitPattern: fourCount) else { return nil }
        return UInt32(
            littleEndian: unsafe bytes.unsafeLoadUnaligned(
                fromUncheckedByteOffset: offset,
                as: UInt32.self
            )
        )
    }
}

extension Span<UInt8> {
    /// The same bytes as the parsers take them; the standard library marks `bytes` unsafe for
    /// elements with padding, which a byte has none of.
    public var octets: RawSpan {
        @_lifetime(copy self)
        get { unsafe bytes }
    }
}

extension OutputRawSpan {
    /// Appends all of `bytes`; traps when they do not fit.
    @inline(__always)
    @_lifetime(self: copy self)
    mutating func append(contentsOf bytes: RawSpan) {
        let count = bytes.byteCount
        precondition(count <= freeCapacity, "output span is too small")
        unsafe withUnsafeMutableBytes { buffer, initializedCount in
            unsafe bytes.withUnsafeBytes { source in
                guard let from = source.baseAddress, let to = buffer.baseAddress else { return }
                unsafe (to + initializedCount).copyMemory(from: from, byteCount: count)
            }
            initializedCount &+= count
        }
    }

    /// Appends all of `bytes`; traps when they do not fit.
    @inline(__always)
    @_lifetime(self: copy self)
    mutating func append(contentsOf bytes: Span<UInt8>) {
        append(contentsOf: unsafe bytes.bytes)
    }

    /// Appends ASCII text known at compile time; traps when it does not fit.
    @inline(__always)
    @_lifetime(self: copy self)
    mutating func append(_ text: StaticString) {
        let bytes = unsafe RawSpan(
            _unsafeStart: text.utf8Start,
            byteCount: text.utf8CodeUnitCount
        )
        append(contentsOf: bytes)
    }
}

extension OutputRawSpan {
    /// Appends whatever `body` does, without going through the span for each piece.
    ///
    /// The cursor is handed over and back: passed `inout` it would live in memory.
    @inline(always)
    @_lifetime(self: copy self)
    mutating func fill(_ body: (consuming OutputCursor) -> OutputCursor) {
        unsafe withUnsafeMutableBytes { buffer, initializedCount in
            guard let start = buffer.baseAddress else { return }
            let cursor = unsafe OutputCursor(
                position: start + initializedCount,
                free: buffer.count &- initializedCount
            )
            initializedCount = unsafe body(cursor).position - start
        }
    }
}

/// Where the next byte of a head goes, and how many there is room for; lent by `fill` only.
///
/// Its two words stay in registers where a span's would be stored for each piece.
@safe struct OutputCursor: ~Copyable {
    fileprivate var position: UnsafeMutableRawPointer
    fileprivate var free: Int

    fileprivate init(position: UnsafeMutableRawPointer, free: Int) {
        unsafe self.position = position
        self.free = free
    }

    /// Appends all of `bytes`; traps when they do not fit.
    @inline(always)
    mutating func append(contentsOf bytes: RawSpan) {
        let count = bytes.byteCount
        precondition(count <= free, "output is too small")
        unsafe bytes.withUnsafeBytes { source in
            guard let from = source.baseAddress else { return }
            // Two loads that overlap, where calling memcpy costs more than it copies.
            if count &- 16 <= 16, count >= 16 {
                unsafe Self.copyEnds(from, to: position, count: count, as: SIMD16<UInt8>.self)
            } else if count &- 8 < 8, count >= 8 {
                unsafe Self.copyEnds(from, to: position, count: count, as: UInt64.self)
            } else if count &- 4 < 4, count >= 4 {
                unsafe Self.copyEnds(from, to: position, count: count, as: UInt32.self)
            } else {
                unsafe position.copyMemory(from: from, byteCount: count)
            }
        }
        advance(by: count)
    }

    /// Appends ASCII text known at compile time; traps when it does not fit.
    ///
    /// One text at each place: for a choice of two, whose length is not known either, memcpy is
    /// called.
    @inline(always)
    mutating func append(_ text: StaticString) {
        let count = text.utf8CodeUnitCount
        precondition(count <= free, "output is too small")
        unsafe position.copyMemory(from: text.utf8Start, byteCount: count)
        advance(by: count)
    }

    /// Appends the `count` lowest bytes of `word`, one to eight; traps when they do not fit.
    @inline(always)
    mutating func append(word: UInt64, count: Int) {
        // Almost always there is room to store all eight and to count fewer.
        if free >= 8, count >= 0, count <= 8 {
            unsafe position.storeBytes(of: word.littleEndian, as: UInt64.self)
            advance(by: count)
        } else {
            appendSlowly(word: word, count: count)
        }
    }

    @inline(never)
    private mutating func appendSlowly(word: UInt64, count: Int) {
        precondition(count >= 0 && count <= free, "output is too small")
        for index in 0..<count {
            let byte = UInt8(truncatingIfNeeded: word &>> UInt64(8 &* index))
            unsafe position.storeBytes(of: byte, toByteOffset: index, as: UInt8.self)
        }
        advance(by: count)
    }

    @inline(always)
    private mutating func advance(by count: Int) {
        unsafe position += count
        free &-= count
    }

    /// Copies as many bytes as one `Word` has up to twice as many.
    @inline(always)
    private static func copyEnds<Word: BitwiseCopyable>(
        _ from: UnsafeRawPointer,
        to: UnsafeMutableRawPointer,
        count: Int,
        as type: Word.Type
    ) {
        let last = count &- MemoryLayout<Word>.size
        let head = unsafe from.loadUnaligned(as: type)
        let tail = unsafe from.loadUnaligned(fromByteOffset: last, as: type)
        unsafe to.storeBytes(of: head, as: type)
        unsafe to.storeBytes(of: tail, toByteOffset: last, as: type)
    }
}

extension UInt64 {
    /// The first eight bytes of ASCII text, the first one lowest, zeros behind a shorter text.
    @inline(__always)
    init(ascii text: StaticString) {
        self.init(ascii: text, from: 0)
    }

    /// Up to eight bytes of ASCII text from `offset` on, the first one lowest.
    @inline(__always)
    init(ascii text: StaticString, from offset: Int) {
        let end = Swift.min(offset &+ 8, text.utf8CodeUnitCount)
        var word: UInt64 = 0
        var index = offset
        while index < end {
            word |= UInt64(unsafe text.utf8Start[index]) &<< UInt64(8 &* (index &- offset))
            index &+= 1
        }
        self = word
    }
}

extension SIMDMask<SIMD16<Int8>> {
    /// The lanes as two words, a lane that is set as a byte of ones.
    @inline(__always)
    var words: SIMD2<UInt64> { unsafe unsafeBitCast(self, to: SIMD2<UInt64>.self) }

    /// A word that is zero when no lane is set; else a quarter of its trailing zeros, rounded
    /// down, is the first lane that is.
    ///
    /// Two lanes become one byte by saturation, in one instruction of any x86-64: 0x7F for the
    /// lower one, 0x80 for the upper one, 0xFF for both. Swift has no way to ask for the usual mask of bits.
    @inline(__always)
    var packed: UInt64 {
        let pairs = unsafe unsafeBitCast(self, to: SIMD8<Int16>.self)
        let low = SIMD8<Int16>(repeating: -128)
        let high = SIMD8<Int16>(repeating: 127)
        let saturated = pointwiseMax(pointwiseMin(pairs, high), low)
        return unsafe unsafeBitCast(
            SIMD8<Int8>(truncatingIfNeeded: saturated),
            to: UInt64.self
        )
    }

    /// The same with four bits for each lane, so that lanes can be shifted out.
    @inline(__always)
    var nibbles: UInt64 {
        let pairs = unsafe unsafeBitCast(self, to: SIMD8<UInt16>.self)
        return unsafe unsafeBitCast(
            SIMD8<UInt8>(truncatingIfNeeded: pairs &>> SIMD8<UInt16>(repeating: 4)),
            to: UInt64.self
        )
    }
}

/// Places for a fixed number of field lines, allocated once.
///
/// Neither of the safe ways serves: of an `InlineArray` that is a stored property Swift 6.3 copies
/// all elements (here 3 KiB) to read one, which made a small head take 480 ns, and an array is
/// retained and asked whether it is shared with every head.
@safe struct FieldTable: ~Copyable {
    private let lines: UnsafeMutablePointer<FieldLine>
    private let capacity: Int

    init(capacity: Int) {
        self.capacity = capacity
        unsafe lines = .allocate(capacity: capacity)
        let empty = FieldLine(start: 0, nameEnd: 0, valueStart: 0, valueEnd: 0, kind: [])
        unsafe lines.initialize(repeating: empty, count: capacity)
    }

    deinit { unsafe lines.deallocate() }

    subscript(index: Int) -> FieldLine {
        @inline(__always) get { span[index] }
        @inline(__always) set {
            var lines = mutableSpan
            lines[index] = newValue
        }
    }

    var span: Span<FieldLine> {
        @inline(__always)
        @_lifetime(borrow self)
        get {
            let span = unsafe Span(_unsafeStart: lines, count: capacity)
            return unsafe _overrideLifetime(span, borrowing: self)
        }
    }

    var mutableSpan: MutableSpan<FieldLine> {
        @inline(__always)
        @_lifetime(&self)
        mutating get {
            let span = unsafe MutableSpan(_unsafeStart: lines, count: capacity)
            return unsafe _overrideLifetime(span, mutating: &self)
        }
    }
}
