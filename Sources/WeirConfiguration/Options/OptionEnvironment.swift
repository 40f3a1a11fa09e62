// SPDX-License-Identifier: Apache-2.0

/// The environment, as far as weir looks at it.
struct OptionEnvironment {
    /// How the name of every variable of weir begins.
    static let prefix = "WEIR_"

    private let variables: [String: String]
    /// Where the system wants temporary files, `TMPDIR`; `nil` where it does not say.
    let temporaryDirectory: String?

    /// Keeps the variables that may concern weir; an empty one counts as absent.
    init(_ environment: [String: String]) {
        temporaryDirectory = environment["TMPDIR"].flatMap { $0.isEmpty ? nil : $0 }
        variables = environment.filter { name, value in
            name.hasPrefix(Self.prefix) && !value.isEmpty
        }
    }

    /// What the environment says for an option.
    func text(for option: ServeOption) -> String? {
        variables[option.environmentName]
    }

    /// One line for each variable that looks like an option and is none, so that a typo is heard.
    var warnings: [String] {
        let known = Set(ServeOption.allCases.map(\.environmentName))
        return
            variables
            .filter { !known.contains($0.key) && !Self.isServiceVariable($0.key, value: $0.value) }
            .keys.sorted()
            .map { "\($0.onOneLine) is set, but weir has no such option; it is ignored" }
    }

    /// Whether Kubernetes makes such a variable for a Service called `weir` or `weir-…`.
    ///
    /// Every pod of the namespace gets, for each Service: `…_SERVICE_HOST`, `…_SERVICE_PORT`,
    /// `…_SERVICE_PORT_<NAME>`, `…_PORT` and `…_PORT_<N>_TCP` with a URL, and the latter followed
    /// by `_PROTO`, `_PORT` and `_ADDR`. An operator who writes `WEIR_PORT=8000` means an option,
    /// and is told that there is none.
    static func isServiceVariable(_ name: String, value: String) -> Bool {
        if name.hasSuffix("_SERVICE_HOST") || name.hasSuffix("_SERVICE_PORT")
            || name.contains("_SERVICE_PORT_")
        {
            return true
        }
        if name.hasSuffix("_PORT"), value.contains("://") {
            return true
        }
        var words = name.split(separator: "_")[...]
        if let last = words.last, ["PROTO", "PORT", "ADDR"].contains(last) {
            words.removeLast()
        }
        guard let transport = words.popLast(), let port = words.popLast() else { return false }
        return ["TCP", "UDP", "SCTP"].contains(transport) && UInt16(port) != nil
            && words.last == "PORT"
    }
}
