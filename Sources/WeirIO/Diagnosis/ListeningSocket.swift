// SPDX-License-Identifier: Apache-2.0

/// A socket that listens on this machine, as the kernel tells of it.
public struct ListeningSocket: Equatable, Sendable {
    /// Its number among all sockets, which `/proc` names its holders' descriptors by.
    public let inode: UInt64
    /// Connections that were established and nobody has accepted yet.
    public let backlog: Int
    /// How many the kernel keeps so.
    public let backlogMax: Int

    /// A socket with these figures.
    public init(inode: UInt64, backlog: Int, backlogMax: Int) {
        self.inode = inode
        self.backlog = backlog
        self.backlogMax = backlogMax
    }
}
