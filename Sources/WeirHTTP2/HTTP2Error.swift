// SPDX-License-Identifier: Apache-2.0

/// Why a stream or a connection of HTTP/2 was ended, or a request not taken.
public enum HTTP2Error: UInt8, CaseIterable, BitwiseCopyable, Sendable {
    /// The connection broke a rule of framing, header compression or flow control: GOAWAY names
    /// which (RFC 9113 §5.4.1).
    case protocolError
    /// A request broke a rule: RST_STREAM names which (RFC 9113 §5.4.2, §8.1.1).
    case streamError
    /// More streams at a time than there may be: RST_STREAM says REFUSED_STREAM, or GOAWAY ends a
    /// client that was told the limit and acknowledged it (RFC 9113 §5.1.2).
    case tooManyStreams
    /// The fields of a request are larger than a head may be: 431.
    case headerListTooLarge
    // More of something that costs its sender nothing than any client needs: GOAWAY says
    // ENHANCE_YOUR_CALM (RFC 9113 §10.5).
    case rapidReset, continuationFlood, settingsFlood, pingFlood, emptyFrameFlood
    case windowUpdateFlood, priorityFlood, unknownFrameFlood

    /// One word for the cause, the same in logs, in metrics and in the documentation.
    public var reason: String {
        switch self {
        case .protocolError: "protocol_error"
        case .streamError: "stream_error"
        case .tooManyStreams: "too_many_streams"
        case .headerListTooLarge: "header_list_too_large"
        case .rapidReset: "rapid_reset"
        case .continuationFlood: "continuation_flood"
        case .settingsFlood: "settings_flood"
        case .pingFlood: "ping_flood"
        case .emptyFrameFlood: "empty_frame_flood"
        case .windowUpdateFlood: "window_update_flood"
        case .priorityFlood: "priority_flood"
        case .unknownFrameFlood: "unknown_frame_flood"
        }
    }
}
