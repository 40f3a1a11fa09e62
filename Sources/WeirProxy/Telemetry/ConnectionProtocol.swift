// SPDX-License-Identifier: Apache-2.0

/// What is spoken on a client's connection; HTTP/1.1 until it begins with the preface of HTTP/2.
enum ConnectionProtocol: UInt8, CaseIterable, BitwiseCopyable, Sendable {
    case http1, http2
}

extension ConnectionProtocol: LabelValue {
    var labelValue: String {
        switch self {
        case .http1: "http/1.1"
        case .http2: "http/2"
        }
    }
}
