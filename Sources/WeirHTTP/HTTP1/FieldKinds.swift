// SPDX-License-Identifier: Apache-2.0

/// The field names that a proxy has to know, as a set; a field that is none of them is empty.
struct FieldKinds: OptionSet, BitwiseCopyable, Sendable {
    let rawValue: UInt32

    static let host = FieldKinds(rawValue: 1 << 0)
    static let connection = FieldKinds(rawValue: 1 << 1)
    static let keepAlive = FieldKinds(rawValue: 1 << 2)
    static let proxyConnection = FieldKinds(rawValue: 1 << 3)
    static let acceptedCodings = FieldKinds(rawValue: 1 << 4)  // TE
    static let trailer = FieldKinds(rawValue: 1 << 5)
    static let transferEncoding = FieldKinds(rawValue: 1 << 6)
    static let contentLength = FieldKinds(rawValue: 1 << 7)
    static let upgrade = FieldKinds(rawValue: 1 << 8)
    static let expect = FieldKinds(rawValue: 1 << 9)
    static let proxy = FieldKinds(rawValue: 1 << 10)
    static let date = FieldKinds(rawValue: 1 << 11)
    static let forwardedFor = FieldKinds(rawValue: 1 << 12)
    static let forwardedProto = FieldKinds(rawValue: 1 << 13)
    static let forwardedHost = FieldKinds(rawValue: 1 << 14)
    static let forwardedPort = FieldKinds(rawValue: 1 << 15)
    static let forwarded = FieldKinds(rawValue: 1 << 16)  // RFC 7239
    /// A name with `_`, which WSGI cannot tell from the same name with `-`.
    static let underscored = FieldKinds(rawValue: 1 << 17)
    /// Named by `Connection` and not protected (RFC 9110 §7.6.1).
    static let named = FieldKinds(rawValue: 1 << 18)
    /// `X-Forwarded-Ssl` and `X-Forwarded-Protocol`, other words for `X-Forwarded-Proto`.
    static let forwardedScheme = FieldKinds(rawValue: 1 << 24)
    /// Every other name that begins with `X-Forwarded-`.
    static let forwardedOther = FieldKinds(rawValue: 1 << 19)
    static let requestID = FieldKinds(rawValue: 1 << 20)
    static let requestStart = FieldKinds(rawValue: 1 << 21)
    static let maxForwards = FieldKinds(rawValue: 1 << 22)
    static let accept = FieldKinds(rawValue: 1 << 23)
    /// `Close`, a reserved name (RFC 9110 §18.4): wherever weir writes it as an option of `Connection`,
    /// it would name such a field.
    static let close = FieldKinds(rawValue: 1 << 25)
    /// Another one, or none, once the body is compressed; no name has it by itself.
    static let recoded = FieldKinds(rawValue: 1 << 26)
}

extension FieldKinds {
    /// What the name at `start..<end` stands for; the name is known to be a token.
    static func named(_ bytes: RawSpan, from start: Int, to end: Int) -> FieldKinds {
        let first = bytes.word(at: start, count: min(end &- start, 8))
        return named(Blocks(bytes), first: first, from: start, to: end)
    }

    /// The same for a name whose first eight bytes, and what follows a shorter one, are `first`.
    ///
    /// Folding by `| 0x20` is exact here: among token bytes it only turns A–Z into a–z, and `^`
    /// into `~`, which no known name has.
    @inline(always)
    static func named(
        _ bytes: Blocks,
        first: UInt64,
        from start: Int,
        to end: Int
    ) -> FieldKinds {
        let name = first | fold
        switch end &- start {
        case 2: return name.begins("te") ? .acceptedCodings : []
        case 4: return name.begins("host") ? .host : name.begins("date") ? .date : []
        case 5: return name.begins("proxy") ? .proxy : name.begins("close") ? .close : []
        case 6: return name.begins("expect") ? .expect : name.begins("accept") ? .accept : []
        case 7: return name.begins("trailer") ? .trailer : name.begins("upgrade") ? .upgrade : []
        case 9:
            return name == UInt64(ascii: "forwarde") && bytes.last(end) == UInt64(ascii: "orwarded")
                ? .forwarded : []
        case 10:
            if name == UInt64(ascii: "connecti") {
                return bytes.last(end) == UInt64(ascii: "nnection") ? .connection : []
            }
            return name == UInt64(ascii: "keep-ali") && bytes.last(end) == UInt64(ascii: "ep-alive")
                ? .keepAlive : []
        case 12:
            if name == UInt64(ascii: "x-reques") {
                return bytes.last(end) == UInt64(ascii: "quest-id") ? .requestID : []
            }
            if name == UInt64(ascii: "max-forw") {
                return bytes.last(end) == UInt64(ascii: "forwards") ? .maxForwards : []
            }
        case 14:
            if name == UInt64(ascii: "content-") {
                return bytes.last(end) == UInt64(ascii: "t-length") ? .contentLength : []
            }
        case 15:
            if name == UInt64(ascii: "x-reques") {
                return bytes.last(end) == UInt64(ascii: "st-start") ? .requestStart : []
            }
        case 16:
            if name == UInt64(ascii: "proxy-co") {
                return bytes.last(end) == UInt64(ascii: "nnection") ? .proxyConnection : []
            }
        case 17:
            if name == UInt64(ascii: "transfer") {
                return bytes.last(end) == UInt64(ascii: "encoding")
                    && bytes.bytes.byte(at: start &+ 8) == UInt8(ascii: "-")
                    ? .transferEncoding : []
            }
        case 0...11: return []
        default: break
        }
        guard _slowPath(name == UInt64(ascii: "x-forwar")) else { return [] }
        return forwarded(bytes.bytes, from: start, to: end)
    }

    private static var fold: UInt64 { 0x2020_2020_2020_2020 }

    /// Names of more than twelve bytes that begin with `x-forwar`.
    @inline(never)
    private static func forwarded(_ bytes: RawSpan, from start: Int, to end: Int) -> FieldKinds {
        let length = end &- start
        guard bytes.word(at: start &+ 8, count: 4) | fold == UInt64(ascii: "ded-    ")
        else { return [] }
        return switch (length, bytes.eightBytes(at: end &- 8) | fold) {
        case (15, UInt64(ascii: "rded-for")): .forwardedFor
        case (15, UInt64(ascii: "rded-ssl")): .forwardedScheme
        case (20, UInt64(ascii: "protocol")): .forwardedScheme
        case (16, UInt64(ascii: "ded-host")): .forwardedHost
        case (16, UInt64(ascii: "ded-port")): .forwardedPort
        case (17, UInt64(ascii: "ed-proto")): .forwardedProto
        default: .forwardedOther
        }
    }
}

extension UInt64 {
    /// Whether the lowest bytes are `text`, of at most eight bytes.
    @inline(always)
    fileprivate func begins(_ text: StaticString) -> Bool {
        let surplusBits = UInt64(truncatingIfNeeded: 64 &- 8 &* text.utf8CodeUnitCount)
        return self &<< surplusBits == UInt64(ascii: text) &<< surplusBits
    }
}

extension Blocks {
    /// The eight bytes in front of `end`, in lower case.
    @inline(always)
    fileprivate func last(_ end: Int) -> UInt64 {
        (eightBytes(at: end &- 8) ?? 0) | 0x2020_2020_2020_2020
    }
}
