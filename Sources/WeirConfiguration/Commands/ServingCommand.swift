// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser

/// A command that takes the options of `weir serve`.
protocol ServingCommand: ParsableCommand {
    var addresses: ServeArguments.Addresses { get }
    var timeouts: ServeArguments.Timeouts { get }
    var buffers: ServeArguments.Buffers { get }
    var limits: ServeArguments.Limits { get }
    var process: ServeArguments.Process { get }
}

extension ServingCommand {
    /// What the command line says.
    var arguments: ServeArguments {
        ServeArguments(
            addresses: addresses,
            timeouts: timeouts,
            buffers: buffers,
            limits: limits,
            process: process
        )
    }
}
