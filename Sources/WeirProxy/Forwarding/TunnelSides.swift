// SPDX-License-Identifier: Apache-2.0

/// The two ends of a tunnel.
struct TunnelSides: OptionSet, BitwiseCopyable, Sendable {
    let rawValue: UInt8

    static let client = TunnelSides(rawValue: 1 << 0)
    static let upstream = TunnelSides(rawValue: 1 << 1)
    static let both: TunnelSides = [.client, .upstream]
}
