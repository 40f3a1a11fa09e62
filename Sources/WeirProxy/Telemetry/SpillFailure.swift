// SPDX-License-Identifier: Apache-2.0

/// Why a body was not put into a file although memory was used up.
enum SpillFailure: UInt8, CaseIterable, BitwiseCopyable, Sendable {
    /// All files together, or their number, would be above the limit.
    case limit
    /// The system did not make the file or did not take the bytes.
    case system
}

extension SpillFailure: LabelValue {
    var labelValue: String {
        switch self {
        case .limit: "limit"
        case .system: "system"
        }
    }
}
