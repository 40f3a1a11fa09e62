// SPDX-License-Identifier: Apache-2.0

/// The field lines of a message head and what is the same about them in requests and responses.
///
/// It is large and meant to be parsed into again and again: nothing is allocated, and nothing of
/// one message is left when the next is parsed.
struct FieldSection: ~Copyable {
    static var countMax: Int { 256 }

    /// The lines in order; only the first ``count`` belong to the message.
    var lines = FieldTable(capacity: FieldSection.countMax)
    var tally = FieldTally(start: 0)

    @inline(__always)
    var count: Int { tally.count }

    @inline(__always)
    var seen: FieldKinds { tally.seen }

    @inline(__always)
    var repeated: FieldKinds { tally.repeated }

    @inline(__always)
    var options: ConnectionOptions { tally.options }

    /// The value of the first field of a kind, if there is any.
    @inline(__always)
    func value(_ kind: FieldKinds) -> Range<Int>? {
        seen.contains(kind) ? lines[firstIndex(of: kind)].value : nil
    }

    /// The place of the first field of a kind; ``count`` if there is none.
    @inline(__always)
    func firstIndex(of kind: FieldKinds) -> Int {
        let lines = lines.span
        var index = 0
        while index < count, lines[index].kind != kind { index &+= 1 }
        return index
    }

    /// Gives a line another kind than its name does.
    mutating func mark(_ index: Int, as kind: FieldKinds) {
        lines[index].kind = kind
        tally.seen.formUnion(kind)
    }
}
