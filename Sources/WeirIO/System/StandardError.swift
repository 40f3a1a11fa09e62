// SPDX-License-Identifier: Apache-2.0

internal import CLinux

/// The stream that diagnostics go to.
public enum StandardError {
    /// Writes a line with one system call, so that lines of several threads do not mix.
    ///
    /// What a full pipe does not take is lost: diagnostics never hold up traffic for long.
    public static func write(line: String) {
        let bytes = Array(line.utf8) + [UInt8(ascii: "\n")]
        unsafe bytes.withUnsafeBytes { buffer in
            _ = unsafe weir_write(2, buffer.baseAddress, buffer.count)
        }
    }
}
