// SPDX-License-Identifier: Apache-2.0

/// Which streams a client may still open: none that it has passed over (RFC 9113 §5.1.1).
///
/// libnghttp2 forgets streams that are over, and then ignores whatever comes on them.
struct StreamIdentifiers: BitwiseCopyable {
    /// The highest one so far; the first of a client is 1.
    private var highest: Int32 = -1
    /// Those passed over last, as many gaps as are remembered: clients leave none, as a rule.
    private var gaps = [4 of Gap](repeating: Gap(first: 1, last: 0))
    private var nextGap = 0

    private struct Gap: BitwiseCopyable {
        var first: Int32
        var last: Int32
    }

    /// Notes that HEADERS came.
    ///
    /// - Parameter id: of which stream.
    /// - Returns: whether the client may have sent them, as far as it is known here.
    mutating func admit(_ id: Int32) -> Bool {
        // Streams of the server, and of nobody, are libnghttp2's to refuse.
        guard id > 0, id % 2 == 1 else { return true }
        guard id <= highest else {
            if id > highest + 2 {
                gaps[nextGap] = Gap(first: highest + 2, last: id - 2)
                nextGap = (nextGap + 1) % gaps.count
            }
            highest = id
            return true
        }
        for index in gaps.indices where gaps[index].first <= id && id <= gaps[index].last {
            return false
        }
        return true
    }
}
