// SPDX-License-Identifier: Apache-2.0

extension FieldSection {
    /// Whether `Accept` names `application/problem+json` with a weight above zero (RFC 9110
    /// §12.5.1); wildcards do not ask for it.
    func acceptsProblems(_ bytes: RawSpan) -> Bool {
        for index in 0..<count where lines[index].kind == .accept {
            let value = lines[index].value
            if Self.mayNameProblems(bytes, value), Self.namesProblems(bytes, value) { return true }
        }
        return false
    }

    static var problemType: StaticString { "application/problem+json" }

    /// Whether `+json` occurs, which few clients send; costs some instructions for each 16 bytes.
    private static func mayNameProblems(_ bytes: RawSpan, _ value: Range<Int>) -> Bool {
        let plus = SIMD16<UInt8>(repeating: UInt8(ascii: "+"))
        var position = value.lowerBound
        while position < value.upperBound {
            position = bytes.scan(from: position, to: value.upperBound) { $0 .== plus }
            let end = min(position &+ 5, value.upperBound)
            if bytes.equals(position..<end, lowercase: "+json") { return true }
            position &+= 1
        }
        return false
    }

    @inline(never)
    static func namesProblems(_ bytes: RawSpan, _ value: Range<Int>) -> Bool {
        var elements = ListElements(value)
        while let element = elements.next(bytes) {
            var parameters = ListElements(element, separator: UInt8(ascii: ";"))
            guard let type = parameters.next(bytes),
                bytes.equals(type, lowercase: problemType)
            else { continue }
            var isWanted = true
            while let parameter = parameters.next(bytes) {
                if isZeroWeight(bytes, parameter) { isWanted = false }
            }
            if isWanted { return true }
        }
        return false
    }

    /// Whether a parameter is `q=0`, with up to three decimals (RFC 9110 §12.4.2).
    private static func isZeroWeight(_ bytes: RawSpan, _ parameter: Range<Int>) -> Bool {
        guard parameter.count >= 3, bytes.equals(parameter.prefix(2), lowercase: "q=") else {
            return false
        }
        for offset in parameter.dropFirst(2) {
            let byte = bytes.byte(at: offset)
            if byte != UInt8(ascii: "0"), byte != UInt8(ascii: ".") { return false }
        }
        return true
    }
}
