// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser

extension Option where Value == String? {
    /// A declared option that is given once; when repeated, the last one counts.
    init(_ option: ServeOption) {
        self.init(name: option.names, parsing: .unconditional, help: option.help)
    }
}

extension Option where Value == [String] {
    /// A declared option that may be repeated.
    init(wrappedValue: [String], _ option: ServeOption) {
        self.init(
            wrappedValue: wrappedValue,
            name: option.names,
            parsing: .unconditionalSingleValue,
            help: option.help
        )
    }
}

extension ServeOption {
    /// The long names, the primary one first.
    fileprivate var names: NameSpecification {
        NameSpecification([.customLong(name)] + aliases.map { .customLong($0) })
    }

    /// The entry in the help: meaning, bounds, default and environment variable.
    fileprivate var help: ArgumentHelp {
        let facts = [setting.bounds, "default: \(defaultText)", environmentName]
        return ArgumentHelp(
            "\(meaning) (\(facts.compactMap(\.self).joined(separator: "; ")))",
            valueName: setting.valueName
        )
    }
}
