// SPDX-License-Identifier: Apache-2.0

/// The head of an HTTP/1 request (RFC 9112 §3, §5), as offsets into the bytes it came in.
///
/// One value serves an event loop for good: it is parsed again and again, and nothing is
/// allocated. All ranges count from the front of the bytes given to ``parse(_:)``, and mean
/// something only after it has returned ``HeadProgress/complete(length:)``; ``method`` alone is
/// also right after a refusal, as far as it could be read.
///
/// ```
///                         ┌────────────── field lines ──────────────┐
/// GET /path?query HTTP/1.1␍␊ name ":" OWS value OWS ␍␊ … ␍␊  body …
///     └─ target ┘
/// ```
///
/// There is no leniency that two parties could read differently: a request is either forwarded
/// with the one meaning it has, or refused.
public struct RequestHead: ~Copyable {
    let limits: HeadLimits
    var fields = FieldSection()
    /// The offset of the method, behind empty lines that were passed over.
    var start = 0
    /// The part of the target that an origin server is asked for.
    var path = 0..<0
    var form = TargetForm.origin

    /// The method; ``Method/other`` also before any was read.
    public internal(set) var method = Method.other
    public internal(set) var version = HTTPVersion.http11
    /// The whole request-target as received.
    public internal(set) var target = 0..<0
    /// How the body that follows is delimited: none, counted or chunked (RFC 9112 §6.3).
    public internal(set) var framing = MessageFraming.none
    /// What the client asks for (RFC 9112 §9.3).
    public internal(set) var persistence = ConnectionFate.close
    /// Whether the client waits for a 100 before it sends content (RFC 9110 §10.1.1).
    ///
    /// False in HTTP/1.0 and where there is no content to wait for.
    public internal(set) var expectsContinue = false
    /// The protocols that the client offers to switch to (RFC 9110 §7.8); none in HTTP/1.0, nor
    /// where content would have to come before the switch.
    public internal(set) var offeredProtocols = ProtocolSet()
    /// Whether the client asks for errors as `application/problem+json` (RFC 9457).
    public internal(set) var acceptsProblems = false
    /// How many more intermediaries may forward a TRACE or OPTIONS (RFC 9110 §7.6.2); nil where
    /// that is not said, and for every other method.
    public internal(set) var maxForwards: UInt64?
    /// Host and port: the authority of an absolute target, which wins (RFC 9112 §3.2.2), or the
    /// value of `Host`; nil where HTTP/1.0 has neither.
    public internal(set) var host: Range<Int>?

    public init(limits: HeadLimits) {
        self.limits = limits
    }

    /// What `X-Forwarded-For` names, in order over all its lines; for what is not on every
    /// request's way.
    public func forwardedFor(_ bytes: RawSpan) -> [String] {
        var names: [String] = []
        for index in 0..<fields.count where fields.lines[index].kind == .forwardedFor {
            var elements = ListElements(fields.lines[index].value)
            while let element = elements.next(bytes) {
                var name = ""
                for offset in element {
                    name.unicodeScalars.append(Unicode.Scalar(bytes.byte(at: offset)))
                }
                if !name.isEmpty { names.append(name) }
            }
        }
        return names
    }

    /// Whether the client prefers gzip, or takes it as well as any other coding (RFC 9110 §12.5.3).
    ///
    /// Looks at every field's name, so it is only for who will make something of it.
    public func acceptsGzip(_ bytes: RawSpan) -> Bool { fields.acceptsGzip(bytes) }

    /// Whether the client asks if a body has changed that it knows by a weak entity tag, among others
    /// (RFC 9110 §13.1.2).
    ///
    /// Looks at every field's name, so it is only for who will make something of it.
    public func knowsWeakTag(_ bytes: RawSpan) -> Bool {
        for index in 0..<fields.count where fields.lines[index].kind == [] {
            let (name, value) = (fields.lines[index].name, fields.lines[index].value)
            guard bytes.equals(name, lowercase: "if-none-match") else { continue }
            var elements = ListElements(value)
            while let element = elements.next(bytes) {
                if bytes.isWeakTag(element) { return true }
            }
        }
        return false
    }

    /// Whether the peer has given the request an id, valid or not.
    public var namesRequestID: Bool { fields.seen.contains(.requestID) }

    /// Where the request's id is, if the peer has given a valid one.
    public func requestID(_ bytes: RawSpan) -> Range<Int>? {
        guard let value = fields.value(.requestID), RequestID.isValid(bytes, value) else {
            return nil
        }
        return value
    }
}
