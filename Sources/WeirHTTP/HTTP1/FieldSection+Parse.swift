// SPDX-License-Identifier: Apache-2.0

extension FieldSection {
    private static var colonAndSpace: UInt16 { 0x203A }
    private static var lineEnd: UInt16 { 0x0A0D }

    /// Parses field lines and the empty line behind them (RFC 9112 §5), from `start` on.
    @inline(always)
    mutating func parse(_ bytes: RawSpan, from start: Int, limits: HeadLimits) -> HeadProgress {
        do throws(HeadError) {
            // Bytes behind the limit are not looked at, so that a head cut anywhere has the
            // same result in the end as one that comes whole.
            let window = min(bytes.byteCount, limits.headBytes)
            let seen = bytes.extracting(first: window)
            if let length = try parseLines(seen, from: start, limits: limits) {
                if tally.namedOptionCount != 0 { dropNamedFields(bytes) }
                return .complete(length: length)
            }
            return bytes.byteCount < limits.headBytes ? .incomplete : .refused(.headTooLong)
        } catch {
            return .refused(error)
        }
    }

    /// The length of the head; nil when its end is not in the window.
    private mutating func parseLines(
        _ bytes: RawSpan,
        from start: Int,
        limits: HeadLimits
    ) throws(HeadError) -> Int? {
        // Borrowed once for all lines, or each of them would ask whether the array is shared.
        var lines = self.lines.mutableSpan
        var tally = FieldTally(start: start)
        let blocks = Blocks(bytes)
        let countMax = min(limits.fieldCount, lines.count)
        var position = start
        while position < bytes.byteCount {
            var (line, next) = Self.plainLine(blocks, from: position)
            if _slowPath(next == 0) {
                if bytes.byte(at: position) == ByteClass.carriageReturn {
                    tally.end = position
                    self.tally = tally
                    return try Self.endOfLine(bytes, at: position, to: bytes.byteCount)
                }
                guard tally.count < countMax else { throw .tooManyFields }
                guard let rare = try Self.rareLine(bytes, from: position) else { return nil }
                (line, next) = rare
            }
            guard tally.count < countMax else { throw .tooManyFields }
            // One that is shorter asks for nothing that weir has to know of.
            if line.kind == .accept, line.value.count < Self.problemType.utf8CodeUnitCount {
                line.kind = []
            }
            lines[tally.count] = line
            tally.add(line.kind)
            if _slowPath(line.kind == .connection) {
                var said = tally
                try said.options.read(bytes, line.value, named: &said.namedOptionCount)
                tally = said
            }
            position = next
        }
        return nil
    }

    /// The line at `start` if it is like nearly all: a short name of letters, digits and `-`, a
    /// colon and one space, a value without tabs that is not empty, no white space behind it.
    ///
    /// - Returns: the line and the offset behind it; 0 for that when it may be another line.
    @inline(always)
    private static func plainLine(_ blocks: Blocks, from start: Int) -> (FieldLine, next: Int) {
        let nameEnd = blocks.scan(from: start, Stops.outsideName)
        guard nameEnd > start, let first = blocks.eightBytes(at: start),
            let colon = blocks.fourBytes(at: nameEnd),
            UInt16(truncatingIfNeeded: colon) == colonAndSpace,
            UInt8(truncatingIfNeeded: colon &>> 16) > ByteClass.space
        else { return (.none, 0) }
        let valueStart = nameEnd &+ 2
        let valueEnd = blocks.scan(from: valueStart, Stops.controls)
        guard let end = blocks.fourBytes(at: valueEnd &- 1),
            UInt16(truncatingIfNeeded: end &>> 8) == lineEnd,
            UInt8(truncatingIfNeeded: end) != ByteClass.space
        else { return (.none, 0) }
        let line = FieldLine(
            start: start,
            nameEnd: nameEnd,
            valueStart: valueStart,
            valueEnd: valueEnd,
            kind: FieldKinds.named(blocks, first: first, from: start, to: nameEnd)
        )
        return (line, valueEnd &+ 2)
    }

    /// Any line but the empty one, and what is wrong with it; nil when its end is not there yet.
    @inline(never)
    private static func rareLine(
        _ bytes: RawSpan,
        from start: Int
    ) throws(HeadError) -> (FieldLine, next: Int)? {
        let window = bytes.byteCount
        let (nameEnd, isUnderscored) = try endOfName(bytes, from: start)
        guard nameEnd < window else { return nil }
        let valueStart = skipBlanks(bytes, from: nameEnd &+ 1, to: window)
        var lineEnd = bytes.scan(from: valueStart, to: window, Stops.controls)
        guard let next = try endOfLine(bytes, at: &lineEnd, to: window) else { return nil }
        var valueEnd = lineEnd
        while valueEnd > valueStart, ByteClass.isBlank(bytes.byte(at: valueEnd &- 1)) {
            valueEnd &-= 1
        }
        let kind =
            isUnderscored ? .underscored : FieldKinds.named(bytes, from: start, to: nameEnd)
        let line = FieldLine(
            start: start,
            nameEnd: nameEnd,
            valueStart: valueStart,
            valueEnd: valueEnd,
            kind: kind
        )
        return (line, next)
    }

    /// The first byte from `start` on that is no white space (RFC 9112 §5.1).
    @inline(__always)
    private static func skipBlanks(_ bytes: RawSpan, from start: Int, to window: Int) -> Int {
        var position = start
        while position < window, ByteClass.isBlank(bytes.byte(at: position)) { position &+= 1 }
        return position
    }

    /// Reads the CRLF of a line whose first control byte is at `position`.
    ///
    /// That may be a tab, which a value can have: then `position` is moved to the end of the
    /// line. Returns the offset behind the line, or nil when its end is not there yet.
    @inline(always)
    static func endOfLine(
        _ bytes: RawSpan,
        at position: inout Int,
        to window: Int
    ) throws(HeadError) -> Int? {
        if position &+ 2 <= window, bytes.twoBytes(at: position) == lineEnd {
            return position &+ 2
        }
        return try endOfRareLine(bytes, at: &position, to: window)
    }

    /// Reads the CRLF at `position`; nil when it is not there yet.
    @inline(always)
    static func endOfLine(
        _ bytes: RawSpan,
        at position: Int,
        to window: Int
    ) throws(HeadError) -> Int? {
        var position = position
        return try endOfLine(bytes, at: &position, to: window)
    }

    /// Passes over tabs; then says why there is no CRLF (RFC 9112 §2.2, RFC 9110 §5.5).
    @inline(never)
    private static func endOfRareLine(
        _ bytes: RawSpan,
        at position: inout Int,
        to window: Int
    ) throws(HeadError) -> Int? {
        while position < window, bytes.byte(at: position) == ByteClass.tab {
            position = bytes.scan(from: position &+ 1, to: window, Stops.controls)
        }
        guard position < window else { return nil }
        switch bytes.byte(at: position) {
        case ByteClass.carriageReturn:
            guard position &+ 1 < window else { return nil }
            guard bytes.byte(at: position &+ 1) == ByteClass.lineFeed else {
                throw .bareCarriageReturn
            }
            return position &+ 2
        case ByteClass.lineFeed: throw .bareLineFeed
        default: throw .controlByte
        }
    }

    /// Finds the colon behind the name at `start`; the end of the bytes when it is not there yet.
    private static func endOfName(
        _ bytes: RawSpan,
        from start: Int
    ) throws(HeadError) -> (end: Int, isUnderscored: Bool) {
        var position = start
        var isUnderscored = false
        while position < bytes.byteCount {
            let byte = bytes.byte(at: position)
            if byte == UInt8(ascii: ":") { break }
            guard ByteClass.isToken(byte) else {
                throw fault(ofNameByte: byte, position == start ? .first : .later)
            }
            if byte == UInt8(ascii: "_") { isUnderscored = true }
            position &+= 1
        }
        guard position > start else { throw .malformedFieldName }
        return (position, isUnderscored)
    }

    private enum NamePlace { case first, later }

    /// What is wrong with a byte that is no token byte (RFC 9112 §2.2, §5.1, §5.2).
    private static func fault(ofNameByte byte: UInt8, _ place: NamePlace) -> HeadError {
        switch (place, byte) {
        case (.first, ByteClass.space), (.first, ByteClass.tab): .lineFolding
        case (.later, ByteClass.space), (.later, ByteClass.tab): .spaceBeforeColon
        case (.first, ByteClass.lineFeed): .bareLineFeed
        default: .malformedFieldName
        }
    }
}
