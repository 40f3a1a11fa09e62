// SPDX-License-Identifier: Apache-2.0

/// A point in time as `IMF-fixdate`, such as `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 §5.6.7).
///
/// Made once a second and copied into each response, for it costs some hundred instructions.
public struct HTTPDate: BitwiseCopyable, Equatable, Sendable, CustomStringConvertible {
    /// The length of every date.
    public static var byteCount: Int { 29 }

    private var text: [29 of UInt8]

    /// The date that lies `unixSeconds` behind 1970; brought into the years 1970 to 9999.
    public init(unixSeconds: Int64) {
        let seconds = min(max(unixSeconds, 0), 253_402_300_799)
        let date = Self.civilDate(daysSince1970: Int(seconds / 86_400))
        let secondOfDay = Int(seconds % 86_400)
        text = [29 of UInt8](repeating: ByteClass.space)
        put("SunMonTueWedThuFriSat", letters: (Int(seconds / 86_400) + 4) % 7, at: 0)
        text[3] = UInt8(ascii: ",")
        put(date.day, at: 5)
        put("JanFebMarAprMayJunJulAugSepOctNovDec", letters: date.month - 1, at: 8)
        put(date.year / 100, at: 12)
        put(date.year % 100, at: 14)
        put(secondOfDay / 3600, at: 17)
        text[19] = UInt8(ascii: ":")
        put(secondOfDay / 60 % 60, at: 20)
        text[22] = UInt8(ascii: ":")
        put(secondOfDay % 60, at: 23)
        put("GMT", letters: 0, at: 26)
    }

    /// Appends the 29 bytes of the date; traps when they do not fit.
    @_lifetime(output: copy output)
    public func write(into output: inout OutputRawSpan) {
        output.append(contentsOf: text.span)
    }

    @inline(always)
    func write(into output: inout OutputCursor) {
        output.append(contentsOf: text.span.octets)
    }

    /// The date as text; for where a date is not written per response.
    public var description: String {
        var characters = ""
        for index in text.indices { characters.unicodeScalars.append(Unicode.Scalar(text[index])) }
        return characters
    }

    public static func == (left: HTTPDate, right: HTTPDate) -> Bool {
        for index in 0..<byteCount where left.text[index] != right.text[index] { return false }
        return true
    }

    private mutating func put(_ names: StaticString, letters index: Int, at offset: Int) {
        let word = UInt64(ascii: names, from: 3 * index)
        for letter in 0..<3 {
            text[offset + letter] = UInt8(truncatingIfNeeded: word >> UInt64(8 * letter))
        }
    }

    private mutating func put(_ number: Int, at offset: Int) {
        text[offset] = UInt8(ascii: "0") + UInt8(number / 10)
        text[offset + 1] = UInt8(ascii: "0") + UInt8(number % 10)
    }

    /// The proleptic Gregorian calendar, counted in years that begin in March, so that the day
    /// that leap years add is their last.
    private static func civilDate(daysSince1970: Int) -> (year: Int, month: Int, day: Int) {
        let daysPer400Years = 146_097
        let days = daysSince1970 + 719_468
        let dayOfEra = days % daysPer400Years
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        let year = yearOfEra + days / daysPer400Years * 400 + (month <= 2 ? 1 : 0)
        return (year, month, dayOfYear - (153 * marchMonth + 2) / 5 + 1)
    }
}
