// SPDX-License-Identifier: Apache-2.0

internal import WeirProxy

extension ValueFormat<LogLevel> {
    /// How important a line of diagnostics has to be.
    static var logLevel: Self {
        let names = LogLevel.allCases.map(\.rawValue)
        return ValueFormat(
            valueName: "level",
            allowed: "one of \(names.joined(separator: ", "))",
            write: \.rawValue,
            match: { LogLevel(rawValue: $0) }
        )
    }
}
