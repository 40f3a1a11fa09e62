// SPDX-License-Identifier: Apache-2.0

/// Why a request was sent, or was tried to be sent, to upstream once more.
enum RetryReason: UInt8, CaseIterable, BitwiseCopyable, Sendable {
    /// The connection was closed before the first byte of a response.
    case connectionDied
    /// No connection could be opened.
    case connectFailed
}

extension RetryReason: LabelValue {
    var labelValue: String {
        switch self {
        case .connectionDied: "connection_died"
        case .connectFailed: "connect_failed"
        }
    }
}
