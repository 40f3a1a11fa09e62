// SPDX-License-Identifier: Apache-2.0

/// How the file descriptors of the process are shared out, so that no connection is the one that
/// fails for want of one.
struct DescriptorShares: Equatable {
    /// What is neither a connection nor a spilled body: listeners, pollers, the admin listener's
    /// connections, standard streams.
    private static let others = 512
    /// Where `RLIMIT_NOFILE` sets no bound worth the name; address space is reserved for this many.
    private static let connectionsMax = 262_144
    private static let spillFilesMax = 1_024

    /// Client connections at a time; each may have one to upstream.
    let connections: Int
    /// Files that bodies are spilled to, at a time.
    let spillFiles: Int

    /// Shares out what there is; each loop has at least one of either.
    ///
    /// - Parameters:
    ///   - descriptors: how many the process may open.
    ///   - threads: how many loops there are.
    ///   - connectionLimit: how many connections the operator allows; `nil` is no bound.
    init(descriptors: Int, threads: Int, connectionLimit: Int?) {
        spillFiles = max(threads, min(Self.spillFilesMax, descriptors / 4))
        let possible = (descriptors - Self.others - spillFiles) / 2
        connections = min(connectionLimit ?? .max, max(threads, possible), Self.connectionsMax)
    }
}
