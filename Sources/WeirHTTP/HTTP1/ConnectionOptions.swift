// SPDX-License-Identifier: Apache-2.0

/// The connection options that weir understands (RFC 9110 §7.6.1).
struct ConnectionOptions: OptionSet, BitwiseCopyable, Sendable {
    let rawValue: UInt8

    static let close = ConnectionOptions(rawValue: 1 << 0)
    static let keepAlive = ConnectionOptions(rawValue: 1 << 1)
    static let upgrade = ConnectionOptions(rawValue: 1 << 2)
}
