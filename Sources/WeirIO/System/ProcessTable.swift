// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc

/// The processes of this process-id namespace, as far as `/proc` shows them to this user.
public enum ProcessTable {
    /// What can be said of a process and some sockets.
    public enum Holding: Equatable, Sendable {
        /// It has one of them open.
        case holds
        case holdsNot
        /// It cannot be looked into: it is gone, or another user's.
        case unknown
    }

    /// Descriptors that are looked at, lowest first: gunicorn opens its sockets before anything
    /// else.
    static let descriptorsMax = 1_024

    /// This process.
    public static var own: Int32 { getpid() }

    /// The ids of the processes there are, in the order of `/proc`, which is that of the ids.
    ///
    /// - Parameter countMax: how many at most.
    /// - Returns: the ids; none where there is no `/proc`.
    public static func processes(upTo countMax: Int) -> [Int32] {
        guard let directory = unsafe opendir("/proc") else { return [] }
        defer { unsafe closedir(directory) }
        var processes: [Int32] = []
        while processes.count < countMax, let entry = unsafe readdir(directory) {
            // Others than processes have names that are no numbers.
            if let process = unsafe Int32(String(cString: weir_entry_name(entry))) {
                processes.append(process)
            }
        }
        return processes
    }

    /// Whether a process has one of some sockets open.
    ///
    /// - Parameters:
    ///   - sockets: the inodes of the sockets.
    ///   - process: its id.
    /// - Returns: what can be said.
    public static func holding(of sockets: [UInt64], by process: Int32) -> Holding {
        guard let directory = unsafe opendir("/proc/\(process)/fd") else { return .unknown }
        defer { unsafe closedir(directory) }
        let wanted = sockets.map { Array("socket:[\($0)]".utf8)[...] }
        var target = [UInt8](repeating: 0, count: 64)
        for _ in 0..<(descriptorsMax + 2) {
            guard let entry = unsafe readdir(directory) else { return .holdsNot }
            let count = unsafe target.withUnsafeMutableBytes { bytes in
                unsafe weir_read_link(
                    directory,
                    weir_entry_name(entry),
                    bytes.baseAddress,
                    bytes.count
                )
            }
            if count > 0, wanted.contains(target[..<count]) { return .holds }
        }
        return .holdsNot
    }
}
