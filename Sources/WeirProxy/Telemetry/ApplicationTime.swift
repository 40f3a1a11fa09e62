// SPDX-License-Identifier: Apache-2.0

/// How long the application had a request, as its users feel it.
enum ApplicationTime: Equatable, BitwiseCopyable, Sendable {
    /// From the request being ready to go until the last byte of upstream's response (t5−t1).
    case measured(nanoseconds: UInt64)
    /// weir answered without having sent the request to upstream.
    case neverReached
}
