// SPDX-License-Identifier: Apache-2.0

/// How far a request had come when its client hung up.
enum ClientAbortStage: UInt8, CaseIterable, BitwiseCopyable, Sendable {
    /// Part of the head had arrived.
    case head
    /// Part of the body had arrived.
    case requestBody
    /// The request was complete, and no response had begun.
    case waiting
    /// Part of the response had been sent.
    case response
}

extension ClientAbortStage: LabelValue {
    var labelValue: String {
        switch self {
        case .head: "head"
        case .requestBody: "request_body"
        case .waiting: "waiting"
        case .response: "response"
        }
    }
}
