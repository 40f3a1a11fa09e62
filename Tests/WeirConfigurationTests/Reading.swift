// SPDX-License-Identifier: Apache-2.0

import WeirProxy

@testable import WeirConfiguration

/// The settings that `weir serve` with these arguments and variables would run with.
func settings(
    _ arguments: [String],
    environment: [String: String] = [:]
) throws(OptionError) -> ProxySettings {
    let invocation = try Invocation(
        arguments: ["serve"] + arguments,
        environment: environment,
        defaultThreads: 2
    )
    guard case .serve(let settings) = invocation.request else {
        throw .usage("not a request to serve: \(invocation.request)")
    }
    return settings
}

/// What the operator is told; `nil` when nothing is wrong.
func refusal(_ arguments: [String], environment: [String: String] = [:]) -> String? {
    do throws(OptionError) {
        _ = try settings(arguments, environment: environment)
        return nil
    } catch {
        return error.description
    }
}

/// A command line without options, read once: the argument parser takes its time in a debug build.
private let noArguments: ServeArguments? =
    if case .serve(let arguments) = try? ParsedCommand(parsing: []) { arguments } else { nil }

/// The settings that these variables alone make.
func settings(environment: [String: String]) throws(OptionError) -> ProxySettings {
    guard let noArguments else { throw .usage("an empty command line does not serve") }
    return try ProxySettings(noArguments, OptionEnvironment(environment), defaultThreads: 2)
}

/// What the operator is told of these variables alone; `nil` when nothing is wrong.
func refusal(environment: [String: String]) -> String? {
    do throws(OptionError) {
        _ = try settings(environment: environment)
        return nil
    } catch {
        return error.description
    }
}

/// The settings after one option alone has read a text, without a command line.
func settings(
    reading text: String,
    for option: ServeOption
) throws(ValueRefusal) -> ProxySettings {
    var settings = ProxySettings()
    try option.setting.read(text, &settings)
    return settings
}

/// What is allowed instead of a text; `nil` when it is allowed.
func allowed(insteadOf text: String, for option: ServeOption) -> String? {
    do throws(ValueRefusal) {
        _ = try settings(reading: text, for: option)
        return nil
    } catch {
        return error.text == text ? error.allowed : "another text, not \(error.text)"
    }
}

/// The text that weir prints instead of serving.
func printed(_ arguments: [String], environment: [String: String] = [:]) throws -> String {
    let invocation = try Invocation(
        arguments: arguments,
        environment: environment,
        defaultThreads: 2
    )
    guard case .print(let text) = invocation.request else {
        throw OptionError.usage("not a request to print: \(invocation.request)")
    }
    return text
}
