// SPDX-License-Identifier: Apache-2.0

/// One stream of one ``HTTP2Session``: a number that means nothing in any other.
public struct StreamHandle: BitwiseCopyable, Equatable, Sendable {
    let rawValue: UInt32

    init(_ rawValue: UInt32) { self.rawValue = rawValue }

    /// No stream.
    public static var none: Self { Self(.max) }
}
