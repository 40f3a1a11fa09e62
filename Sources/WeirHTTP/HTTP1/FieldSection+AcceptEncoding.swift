// SPDX-License-Identifier: Apache-2.0

extension FieldSection {
    /// Whether `Accept-Encoding` asks for gzip, and not for the body as it is instead (RFC 9110
    /// §12.5.3).
    ///
    /// Without the field any coding would do, but those who leave it out seldom know one.
    @inline(never)
    func acceptsGzip(_ bytes: RawSpan) -> Bool {
        var weights = CodingWeights()
        for index in 0..<count {
            let line = lines[index]
            guard line.kind == [], bytes.equals(line.name, lowercase: "accept-encoding") else {
                continue
            }
            var elements = ListElements(line.value)
            while let element = elements.next(bytes) { weights.read(bytes, element) }
        }
        return weights.preferGzip
    }
}

/// What `Accept-Encoding` says of the two codings that weir can give, in thousandths.
private struct CodingWeights {
    private var gzip: Int?
    private var identity: Int?
    private var others: Int?

    /// Takes one `coding [ ";" "q=" weight ]`.
    mutating func read(_ bytes: RawSpan, _ element: Range<Int>) {
        var parameters = ListElements(element, separator: UInt8(ascii: ";"))
        guard let coding = parameters.next(bytes), !coding.isEmpty else { return }
        var weight = 1_000
        while let parameter = parameters.next(bytes) {
            weight = min(weight, Self.weight(bytes, parameter))
        }
        // Of two that contradict each other the lesser one counts: as it came is always right.
        if bytes.equals(coding, lowercase: "gzip") || bytes.equals(coding, lowercase: "x-gzip") {
            gzip = min(gzip ?? weight, weight)
        } else if bytes.equals(coding, lowercase: "identity") {
            identity = min(identity ?? weight, weight)
        } else if bytes.equals(coding, lowercase: "*") {
            others = min(others ?? weight, weight)
        }
    }

    /// A coding that is not named has the weight of `*`; no coding at all is what is left when
    /// nothing says more of it.
    var preferGzip: Bool {
        let weight = gzip ?? others ?? 0
        return weight > 0 && weight >= identity ?? 0
    }

    /// The thousandths of `q=0.123` (RFC 9110 §12.4.2); 0 for what is no weight, so that a client
    /// that cannot be understood gets what it would get without weir.
    private static func weight(_ bytes: RawSpan, _ parameter: Range<Int>) -> Int {
        guard 3...7 ~= parameter.count, bytes.equals(parameter.prefix(2), lowercase: "q=") else {
            return 0
        }
        let digits = parameter.dropFirst(2)
        var weight = 0
        for position in 0..<4 {
            // The point is behind the first digit.
            let offset = digits.lowerBound + (position == 0 ? 0 : position + 1)
            let byte = offset < digits.upperBound ? bytes.byte(at: offset) : UInt8(ascii: "0")
            guard ByteClass.isDigit(byte) else { return 0 }
            weight = weight * 10 + Int(byte - 0x30)
        }
        if digits.count > 1, bytes.byte(at: digits.lowerBound + 1) != UInt8(ascii: ".") { return 0 }
        return weight <= 1_000 ? weight : 0
    }
}
