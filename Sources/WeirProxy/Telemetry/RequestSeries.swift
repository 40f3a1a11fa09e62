// SPDX-License-Identifier: Apache-2.0

import WeirHTTP

/// What tells one histogram of request durations from another.
struct RequestSeries: Hashable, Sendable {
    /// The method of the requests.
    let method: Method
    /// The place of their status, see ``StatusCell``.
    let statusCell: Int

    /// What falls outside of every other series.
    static var overflow: RequestSeries {
        RequestSeries(method: .other, statusCell: StatusCell.other)
    }
}

extension RequestSeries: Comparable {
    /// The order of the page: by method as declared, then by status.
    static func < (left: RequestSeries, right: RequestSeries) -> Bool {
        (left.method.rawValue, left.statusCell) < (right.method.rawValue, right.statusCell)
    }
}
