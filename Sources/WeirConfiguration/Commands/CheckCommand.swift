// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser

/// `weir check`.
struct CheckCommand: ServingCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Read everything as serve would, print the settings in effect, bind nothing.",
        usage: "weir check [<options>]",
        discussion: """
            Prints one line of the form 'option = value' for each option and exits with 0; \
            a value that is not allowed is one line on stderr and exit status 64.

            \(ServeArguments.notation)
            """
    )

    @OptionGroup(title: "Addresses") var addresses: ServeArguments.Addresses
    @OptionGroup(title: "Time-outs") var timeouts: ServeArguments.Timeouts
    @OptionGroup(title: "Buffers") var buffers: ServeArguments.Buffers
    @OptionGroup(title: "Limits") var limits: ServeArguments.Limits
    @OptionGroup(title: "Process") var process: ServeArguments.Process
}
