// SPDX-License-Identifier: Apache-2.0

public import WeirProxy

/// What one start of weir is asked to do.
public enum Request: Equatable, Sendable {
    /// Run the proxy until it is told to stop.
    case serve(ProxySettings)
    /// Print this text, which ends with a newline, and exit with 0.
    ///
    /// It is the help, the version, or the settings that `weir check` found.
    case print(String)
}
