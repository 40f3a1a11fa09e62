// SPDX-License-Identifier: Apache-2.0

/// Why weir does not start: what the operator wrote, and what is allowed instead.
public enum OptionError: Error, Equatable, Sendable {
    /// A value that its option does not take; `name` is the option or the environment variable.
    case refused(name: String, text: String, allowed: String)
    /// A command line that cannot be read, in the words of the argument parser.
    case usage(String)

    /// What the process exits with, `EX_USAGE` of sysexits(3).
    public static let exitStatus: Int32 = 64
}

extension OptionError: CustomStringConvertible {
    /// One line whatever the operator wrote: control characters are escaped.
    public var description: String {
        switch self {
        case .refused(let name, let text, let allowed):
            "\(name): \(text.debugDescription) is not allowed; give \(allowed)"
        case .usage(let message):
            message.onOneLine
        }
    }
}
