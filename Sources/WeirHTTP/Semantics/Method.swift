// SPDX-License-Identifier: Apache-2.0

/// A request method (RFC 9110 §9; PATCH: RFC 5789).
///
/// Methods that are not listed here pass through weir unchanged; in metrics they are `_OTHER`,
/// as the OpenTelemetry HTTP conventions ask.
public enum Method: UInt8, CaseIterable, BitwiseCopyable, Sendable {
    case get, head, post, put, delete, connect, options, trace, patch, other

    /// Whether repeating the request has the same effect as sending it once (RFC 9110 §9.2.2).
    ///
    /// An unknown method is taken for one that is not.
    public var isIdempotent: Bool {
        switch self {
        case .get, .head, .put, .delete, .options, .trace: true
        case .post, .connect, .patch, .other: false
        }
    }

    /// The methods that weir does not refuse, as `Allow` lists them (RFC 9110 §10.2.1).
    public static let allowed = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, TRACE"

    /// The method as it stands in a request line; `_OTHER` for ``other``.
    public var name: String {
        switch self {
        case .get: "GET"
        case .head: "HEAD"
        case .post: "POST"
        case .put: "PUT"
        case .delete: "DELETE"
        case .connect: "CONNECT"
        case .options: "OPTIONS"
        case .trace: "TRACE"
        case .patch: "PATCH"
        case .other: "_OTHER"
        }
    }
}
