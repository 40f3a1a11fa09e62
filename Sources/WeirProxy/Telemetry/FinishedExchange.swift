// SPDX-License-Identifier: Apache-2.0

import WeirHTTP

/// What metrics need to know about a request that got its response.
struct FinishedExchange: BitwiseCopyable, Sendable {
    /// The method of the request; ``Method/other`` where the head could not be read.
    var method: Method
    /// The status that the client was sent.
    var status: UInt16
    /// From the first byte of the request to the last of the response (t6−t0).
    var totalNanoseconds: UInt64
    /// How much of that the application had it.
    var applicationTime: ApplicationTime
    /// The time of the end, on the clock that the metrics were made with.
    var now: UInt64
}
