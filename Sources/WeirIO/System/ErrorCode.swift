// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// The kernel's reason for a failure (errno).
public struct ErrorCode: BitwiseCopyable, Equatable, Sendable {
    /// The positive errno value.
    public let rawValue: Int32

    /// Takes an errno value.
    @inlinable public init(_ rawValue: Int32) { self.rawValue = rawValue }

    /// Nobody listens on the port or the socket file.
    public static var connectionRefused: Self { Self(ECONNREFUSED) }
    /// The peer has broken the connection, or closed it without reading all that was sent.
    public static var connectionReset: Self { Self(ECONNRESET) }
    /// The socket file does not exist.
    public static var noSuchFile: Self { Self(ENOENT) }
    /// The peer's host did not answer.
    public static var timedOut: Self { Self(ETIMEDOUT) }

    /// The reason in words, such as `connection refused`.
    public var text: String {
        let reason = unsafe String(cString: strerror(rawValue))
        return reason.prefix(1).lowercased() + reason.dropFirst()
    }
}
