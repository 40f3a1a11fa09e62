// SPDX-License-Identifier: Apache-2.0

internal import WeirHTTP
internal import WeirIO

extension GatewayError {
    /// What it means for a request that upstream could not be connected to.
    init(connecting code: ErrorCode) {
        switch code {
        // A socket file that is missing is a gunicorn that is not there yet.
        case .connectionRefused, .noSuchFile: self = .upstreamRefused
        case .timedOut: self = .connectTimeout
        default: self = .upstreamUnreachable
        }
    }

    /// What it means for a request that upstream's head is no head.
    init(response error: HeadError) {
        self = error.status == 431 ? .responseHeadTooLarge : .badResponse
    }
}
