// SPDX-License-Identifier: Apache-2.0

/// Why a message head was refused.
///
/// For a request it becomes the response of ``status``. A response that is refused is a 502
/// whatever the cause, because its fault is not the client's (RFC 9110 §15.6.3).
public enum HeadError: UInt8, Error, CaseIterable, BitwiseCopyable, Sendable {
    // The start line.
    case malformedMethod, methodTooLong, malformedTarget, malformedVersion, malformedStatus
    case unsupportedVersion, connectMethod, targetTooLong
    // The lines.
    case bareLineFeed, bareCarriageReturn, controlByte, malformedFieldName, spaceBeforeColon
    case lineFolding, headTooLong, tooManyFields
    // What the fields say.
    case missingHost, repeatedHost, malformedHost
    case malformedContentLength, repeatedContentLength
    case malformedTransferEncoding, repeatedTransferEncoding, unknownTransferCoding
    case transferEncodingWithContentLength, transferEncodingInHTTP10
    case malformedConnection, tooManyConnectionOptions, unmetExpectation, traceWithBody
    case malformedMaxForwards

    /// The status of the response to a request with this fault.
    public var status: UInt16 {
        switch self {
        case .connectMethod: 405
        case .targetTooLong: 414
        case .unmetExpectation: 417
        case .headTooLong, .tooManyFields: 431
        case .methodTooLong, .unknownTransferCoding: 501
        case .malformedStatus: 502
        case .unsupportedVersion: 505
        case .malformedMethod, .malformedTarget, .malformedVersion, .bareLineFeed,
            .bareCarriageReturn, .controlByte, .malformedFieldName, .spaceBeforeColon,
            .lineFolding, .missingHost, .repeatedHost, .malformedHost, .malformedContentLength,
            .repeatedContentLength, .malformedTransferEncoding, .repeatedTransferEncoding,
            .transferEncodingWithContentLength, .transferEncodingInHTTP10, .malformedConnection,
            .tooManyConnectionOptions, .traceWithBody, .malformedMaxForwards:
            400
        }
    }

    /// One word for the cause, the same in logs, in metrics and in the documentation.
    public var reason: String {
        switch self {
        case .malformedMethod: "bad_method"
        case .methodTooLong: "method_too_long"
        case .malformedTarget: "bad_target"
        case .malformedVersion: "bad_version"
        case .malformedStatus: "bad_status"
        case .unsupportedVersion: "unsupported_version"
        case .connectMethod: "connect_method"
        case .targetTooLong: "target_too_long"
        case .bareLineFeed, .bareCarriageReturn: "bad_line_end"
        case .controlByte: "control_byte"
        case .malformedFieldName, .spaceBeforeColon: "bad_field_name"
        case .lineFolding: "line_folding"
        case .headTooLong: "head_too_long"
        case .tooManyFields: "too_many_fields"
        case .missingHost, .repeatedHost, .malformedHost: "bad_host"
        case .malformedContentLength, .repeatedContentLength: "bad_content_length"
        case .malformedTransferEncoding, .repeatedTransferEncoding: "bad_transfer_encoding"
        case .unknownTransferCoding: "unknown_transfer_coding"
        case .transferEncodingWithContentLength, .transferEncodingInHTTP10: "ambiguous_framing"
        case .malformedConnection, .tooManyConnectionOptions: "bad_connection"
        case .unmetExpectation: "unmet_expectation"
        case .traceWithBody: "trace_with_body"
        case .malformedMaxForwards: "bad_max_forwards"
        }
    }
}
