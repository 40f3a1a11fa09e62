// SPDX-License-Identifier: Apache-2.0

/// Which weir this is.
public enum Version {
    /// The number that `weir --version` and `weir_build_info` give.
    public static let current = "0.1.0"
}
