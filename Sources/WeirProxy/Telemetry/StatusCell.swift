// SPDX-License-Identifier: Apache-2.0

/// The place of a status code in a table of counters: 100 to 599 each, all others together.
enum StatusCell {
    /// How many places such a table has.
    static var count: Int { 501 }
    /// The place of what is no status of RFC 9110.
    static var other: Int { 500 }

    /// The place of `status`.
    @inline(__always)
    static func index(of status: UInt16) -> Int {
        let offset = status &- 100
        return offset < 500 ? Int(offset) : other
    }

    /// The label value of the statuses at `index`.
    static func labelValue(at index: Int) -> String {
        index == other ? "_other" : (index + 100).description
    }
}
