// SPDX-License-Identifier: Apache-2.0

internal import WeirHTTP

/// Why weir answers a request itself: its head, its body, or what became of it.
enum Refusal: BitwiseCopyable, Sendable {
    case head(HeadError)
    case body(BodyError)
    case failure(GatewayError)

    /// The status of the answer (RFC 9110 §15).
    var status: UInt16 {
        switch self {
        case .head(let error): error.status
        case .body(let error): error.status
        case .failure(let error): error.status
        }
    }

    /// One word for the cause, the same in logs, in metrics and in the documentation.
    var reason: String {
        switch self {
        case .head(let error): error.reason
        case .body(let error): error.reason
        case .failure(let error): error.reason
        }
    }

    /// After how many seconds it is worth to ask again (RFC 9110 §10.2.3); `nil` is not said.
    var retryAfterSeconds: UInt32? {
        switch self {
        case .failure(.queueFull), .failure(.queueTimeout): 1
        case .head, .body, .failure: nil
        }
    }

    /// One sentence for the person who reads the answer.
    var explanation: String {
        switch self {
        case .head(let error): error.explanation
        case .body(let error): error.explanation
        case .failure(let error): error.explanation
        }
    }
}
