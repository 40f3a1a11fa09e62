// SPDX-License-Identifier: Apache-2.0

internal import WeirProxy

/// A command line and an environment, read and checked.
///
/// This is the one place where text becomes types: what it lets through needs no second look.
public struct Invocation: Equatable, Sendable {
    /// What to do.
    public let request: Request
    /// Lines for the operator about what was ignored, without prefix and newline.
    public let warnings: [String]

    /// Reads what the operator wrote.
    ///
    /// - Parameters:
    ///   - arguments: the command line without the program's name.
    ///   - environment: the variables of the process.
    ///   - defaultThreads: what `--threads` is when nobody says it; brought into 1 to 256.
    /// - Throws: ``OptionError``, on the first thing that is not allowed.
    public init(
        arguments: [String],
        environment: [String: String],
        defaultThreads: Int
    ) throws(OptionError) {
        let variables = OptionEnvironment(environment)
        let settings: ProxySettings
        switch try ParsedCommand(parsing: arguments) {
        case .print(let text):
            (request, warnings) = (.print(text), [])
            return
        case .serve(let given):
            settings = try ProxySettings(given, variables, defaultThreads: defaultThreads)
            request = .serve(settings)
        case .check(let given):
            settings = try ProxySettings(given, variables, defaultThreads: defaultThreads)
            request = .print(settings.listing)
        }
        warnings = settings.logLevel == .error ? [] : variables.warnings
    }
}
