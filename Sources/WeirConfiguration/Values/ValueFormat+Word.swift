// SPDX-License-Identifier: Apache-2.0

extension ValueFormat
where Value: CaseIterable & RawRepresentable<String> & Sendable, Value.AllCases: Sendable {
    /// One word of a few.
    ///
    /// - Parameter valueName: what stands for it in the help.
    /// - Returns: the format.
    static func word(_ valueName: String) -> Self {
        ValueFormat(
            valueName: valueName,
            allowed: "one of \(Value.allCases.map(\.rawValue).joined(separator: ", "))",
            write: \.rawValue,
            match: { Value(rawValue: $0) }
        )
    }
}
