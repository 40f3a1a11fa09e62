// SPDX-License-Identifier: Apache-2.0

extension String {
    /// The same text with its control characters escaped, so that it stays one line of a log.
    var onOneLine: String {
        unicodeScalars.reduce(into: "") { line, scalar in
            switch scalar.properties.generalCategory {
            case .control, .lineSeparator, .paragraphSeparator:
                line += scalar.escaped(asASCII: true)
            default:
                line.unicodeScalars.append(scalar)
            }
        }
    }
}
