// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser

/// `weir serve`.
struct ServeCommand: ServingCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Proxy requests to gunicorn until told to stop.",
        usage: "weir [serve] [<options>]",
        discussion: ServeArguments.notation
    )

    @OptionGroup(title: "Addresses") var addresses: ServeArguments.Addresses
    @OptionGroup(title: "Time-outs") var timeouts: ServeArguments.Timeouts
    @OptionGroup(title: "Buffers") var buffers: ServeArguments.Buffers
    @OptionGroup(title: "Limits") var limits: ServeArguments.Limits
    @OptionGroup(title: "Process") var process: ServeArguments.Process
}
