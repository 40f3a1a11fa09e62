// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import WeirProxy

/// `weir`, whose default is to serve.
struct WeirCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "weir",
        abstract: "A fast HTTP reverse proxy in front of gunicorn that measures every request.",
        discussion: "Without a subcommand, weir serves: the options of 'weir serve' may follow.",
        version: "weir \(Version.current)",
        subcommands: [ServeCommand.self, CheckCommand.self],
        defaultSubcommand: ServeCommand.self
    )
}
