// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc

/// Small files of the kernel, such as those below `/proc` and `/sys`.
public enum SystemFile {
    /// Reads a whole file, at most 64 KiB of it.
    ///
    /// - Parameter path: the file's path.
    /// - Returns: its bytes as text; `nil` when it cannot be read.
    public static func read(_ path: String) -> String? {
        let number = unsafe weir_open_read(path)
        guard number >= 0 else { return nil }
        let descriptor = Descriptor(owning: number)
        var bytes = [UInt8](repeating: 0, count: 65_536)
        var count = 0
        while count < bytes.count {
            let received = unsafe bytes.withUnsafeMutableBytes { buffer in
                unsafe weir_read(
                    descriptor.rawValue,
                    buffer.baseAddress?.advanced(by: count),
                    buffer.count - count
                )
            }
            guard received >= 0 else { return nil }
            if received == 0 { break }
            count += received
        }
        return String(decoding: bytes[..<count], as: UTF8.self)
    }

    /// Counts the entries of a directory.
    ///
    /// - Parameter path: the directory's path.
    /// - Returns: how many there are, `.` and `..` left out; `nil` when it cannot be read.
    public static func entryCount(in path: String) -> Int? {
        guard let directory = unsafe opendir(path) else { return nil }
        defer { unsafe closedir(directory) }
        var count = 0
        while unsafe readdir(directory) != nil { count += 1 }
        return max(0, count - 2)
    }

    /// Removes a file; one that is not there is no failure.
    public static func remove(_ path: String) { _ = unsafe unlink(path) }
}
