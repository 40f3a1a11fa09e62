// SPDX-License-Identifier: Apache-2.0

/// What an open connection to upstream is doing.
enum UpstreamConnectionState: UInt8, CaseIterable, BitwiseCopyable, Sendable {
    /// It is not established yet.
    case connecting
    /// It carries a request.
    case active
    /// It waits for one.
    case idle
}

extension UpstreamConnectionState: LabelValue {
    var labelValue: String {
        switch self {
        case .connecting: "connecting"
        case .active: "active"
        case .idle: "idle"
        }
    }
}
