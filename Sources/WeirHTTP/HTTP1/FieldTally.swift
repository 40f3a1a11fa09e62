// SPDX-License-Identifier: Apache-2.0

/// What is known of the fields of a head without looking at them again.
struct FieldTally: BitwiseCopyable {
    var count = 0
    /// The offset of the first line, or of the empty line where there is none.
    var start: Int
    /// The offset behind the last line, where the empty line is.
    var end = 0
    /// Which fields there are, and which of them more than once.
    var seen: FieldKinds = []
    var repeated: FieldKinds = []
    /// What `Connection` asks for, and how many fields it names.
    var options: ConnectionOptions = []
    var namedOptionCount = 0

    init(start: Int) {
        self.start = start
    }

    @inline(__always)
    mutating func add(_ kind: FieldKinds) {
        count &+= 1
        repeated.formUnion(seen.intersection(kind))
        seen.formUnion(kind)
    }
}
