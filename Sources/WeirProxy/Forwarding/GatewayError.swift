// SPDX-License-Identifier: Apache-2.0

/// Why weir answered a request itself, or cut it off, although its head was well formed.
///
/// A malformed head or body has its own reasons, in WeirHTTP. Failures that come too late for a
/// response of weir's own, because another has begun, cut the client's connection instead.
enum GatewayError: UInt8, Error, CaseIterable, BitwiseCopyable, Sendable {
    // Reaching upstream.
    case upstreamRefused, upstreamUnreachable, connectTimeout
    // What upstream did with the request.
    case upstreamClosed, upstreamReset, responseTimeout, badResponse, responseHeadTooLarge
    case responseTruncated, unexpectedUpgrade, tooManyInterim, tunnelTimeout
    // What the client did.
    case headerTimeout, bodyTimeout, sendTimeout, bodyTooLarge, badProxyHeader
    // weir's own state.
    case queueFull, queueTimeout, outOfBuffers, draining

    /// The one place a failure becomes a status code (RFC 9110 §15); where nothing can be answered
    /// any more, what the access log shows.
    var status: UInt16 {
        switch self {
        case .headerTimeout, .bodyTimeout, .sendTimeout: 408
        case .bodyTooLarge: 413
        case .badProxyHeader: 400
        case .upstreamRefused, .upstreamUnreachable, .upstreamClosed, .upstreamReset, .badResponse,
            .responseHeadTooLarge, .responseTruncated, .unexpectedUpgrade, .tooManyInterim:
            502
        case .queueFull, .queueTimeout, .outOfBuffers, .draining: 503
        case .connectTimeout, .responseTimeout, .tunnelTimeout: 504
        }
    }

    /// One word for the cause, the same in logs, in metrics and in the documentation.
    var reason: String {
        switch self {
        case .upstreamRefused: "upstream_refused"
        case .upstreamUnreachable: "upstream_unreachable"
        case .connectTimeout: "connect_timeout"
        case .upstreamClosed: "upstream_closed"
        case .upstreamReset: "upstream_reset"
        case .responseTimeout: "response_timeout"
        case .badResponse: "bad_response"
        case .responseHeadTooLarge: "response_head_too_large"
        case .responseTruncated: "response_truncated"
        case .unexpectedUpgrade: "unexpected_upgrade"
        case .tooManyInterim: "too_many_interim"
        case .tunnelTimeout: "tunnel_timeout"
        case .headerTimeout: "header_timeout"
        case .bodyTimeout: "body_timeout"
        case .sendTimeout: "send_timeout"
        case .bodyTooLarge: "body_too_large"
        case .badProxyHeader: "bad_proxy_header"
        case .queueFull: "queue_full"
        case .queueTimeout: "queue_timeout"
        case .outOfBuffers: "out_of_buffers"
        case .draining: "draining"
        }
    }

    /// One sentence for the person who reads the response or the log.
    var explanation: String {
        switch self {
        case .upstreamRefused: "the application does not accept connections"
        case .upstreamUnreachable: "the application cannot be reached"
        case .connectTimeout: "the application did not accept a connection in time"
        case .upstreamClosed: "the application closed the connection without a response"
        case .upstreamReset: "the application reset the connection without a response"
        case .responseTimeout: "the application did not respond in time"
        case .badResponse: "the response of the application is not valid HTTP"
        case .responseHeadTooLarge: "the response head of the application is too large"
        case .responseTruncated: "the response of the application ended early"
        case .unexpectedUpgrade: "the application switched to a protocol that was not offered"
        case .tooManyInterim: "the application sent too many interim responses"
        case .tunnelTimeout: "neither side of the tunnel sent anything in time"
        case .headerTimeout: "the request head did not arrive in time"
        case .bodyTimeout: "the request body did not arrive in time"
        case .sendTimeout: "the client did not take the response in time"
        case .bodyTooLarge: "the request body is too large"
        case .badProxyHeader:
            "the connection does not begin with a PROXY header of a trusted peer"
        case .queueFull: "too many requests wait for the application"
        case .queueTimeout: "the application had no time for the request"
        case .outOfBuffers: "there is no memory for the request at the moment"
        case .draining: "the server is shutting down"
        }
    }
}
