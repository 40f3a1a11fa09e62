// SPDX-License-Identifier: Apache-2.0

/// How the process ends when it could not serve, after sysexits(3).
enum ExitStatus {
    /// An address cannot be used.
    static let unavailable: Int32 = 69
    /// The system refuses something else.
    static let systemError: Int32 = 71
}
