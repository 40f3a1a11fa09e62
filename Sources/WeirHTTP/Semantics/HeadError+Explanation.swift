// SPDX-License-Identifier: Apache-2.0

extension HeadError {
    /// One sentence that tells whoever sent the message what was wrong with it.
    public var explanation: String {
        switch self {
        case .malformedMethod: "the method is not a token"
        case .methodTooLong: "the method has more than 32 bytes"
        case .malformedTarget: "the request target is not a valid one"
        case .malformedVersion: "the line does not carry HTTP/1.0 or HTTP/1.1"
        case .malformedStatus: "the status line is not valid"
        case .unsupportedVersion: "only HTTP/1.0 and HTTP/1.1 are spoken here"
        case .connectMethod: "CONNECT is not served here"
        case .targetTooLong: "the request target is too long"
        case .bareLineFeed: "a line ends in LF alone, not in CRLF"
        case .bareCarriageReturn: "a CR is not followed by LF"
        case .controlByte: "a field value contains a control byte"
        case .malformedFieldName: "a field name is empty or not a token"
        case .spaceBeforeColon: "there is white space between a field name and its colon"
        case .lineFolding: "a field line begins with white space"
        case .headTooLong: "the message head is too long"
        case .tooManyFields: "the message head has too many fields"
        case .missingHost: "an HTTP/1.1 request needs a Host field"
        case .repeatedHost: "there is more than one Host field"
        case .malformedHost: "the host is not a valid one"
        case .malformedContentLength: "Content-Length is not a decimal number"
        case .repeatedContentLength: "the Content-Length fields do not say the same"
        case .malformedTransferEncoding: "Transfer-Encoding is not exactly chunked"
        case .repeatedTransferEncoding: "there is more than one Transfer-Encoding field"
        case .unknownTransferCoding: "chunked is the only transfer coding understood here"
        case .transferEncodingWithContentLength:
            "Transfer-Encoding and Content-Length exclude each other"
        case .transferEncodingInHTTP10: "Transfer-Encoding does not exist in HTTP/1.0"
        case .malformedConnection: "Connection is not a list of tokens"
        case .tooManyConnectionOptions: "Connection names too many fields"
        case .unmetExpectation: "100-continue is the only expectation that can be met"
        case .malformedMaxForwards: "Max-Forwards is no decimal number"
        case .traceWithBody: "a TRACE request must not have a body"
        }
    }
}
