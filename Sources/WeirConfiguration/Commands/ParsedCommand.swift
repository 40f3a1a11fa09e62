// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser

/// A command line after the argument parser, its values still text.
enum ParsedCommand {
    case serve(ServeArguments)
    case check(ServeArguments)
    /// The parser answers by itself: help, version, or a completion script.
    case print(String)

    /// Reads a command line without the program's name.
    ///
    /// - Throws: ``OptionError/usage(_:)``, on an unknown option, a missing value or a stray word.
    init(parsing arguments: [String]) throws(OptionError) {
        do {
            var command = try WeirCommand.parseAsRoot(arguments)
            switch command {
            case let serve as ServeCommand: self = .serve(serve.arguments)
            case let check as CheckCommand: self = .check(check.arguments)
            default:
                // `weir help` gives its text by throwing it.
                try command.run()
                self = .print("")
            }
        } catch {
            guard WeirCommand.exitCode(for: error) == .success else {
                throw .usage(WeirCommand.message(for: error))
            }
            let text = WeirCommand.fullMessage(for: error)
            self = .print(text.hasSuffix("\n") ? text : text + "\n")
        }
    }
}
