// SPDX-License-Identifier: Apache-2.0

internal import WeirIO

/// Finds the processes that have certain sockets open, and looks only once into those that do not.
///
/// Looking into a process costs as much as it has descriptors, and who does not have a socket at
/// first can only get it in ways that gunicorn does not use. In case somebody does, all is looked
/// through again now and then.
struct HolderSearch {
    /// Processes that are looked at; beyond, gunicorn may be missed.
    static let processesMax = 8_192
    /// Holders; beyond, they are not counted.
    static let holdersMax = 1_024
    /// After so many searches what was found out is forgotten.
    static let memorySearches = 30

    private var sockets: [UInt64] = []
    private var others: Set<Int32> = []
    private var searches = 0

    /// Looks for holders.
    ///
    /// - Parameters:
    ///   - sockets: the inodes of the sockets.
    ///   - processes: those that there are now.
    ///   - holding: what can be said of one of them.
    /// - Returns: the holders among them, in the same order.
    mutating func holders(
        of sockets: [UInt64],
        among processes: [Int32],
        _ holding: (Int32) -> ProcessTable.Holding
    ) -> [Int32] {
        searches += 1
        if sockets != self.sockets || searches > Self.memorySearches {
            self.sockets = sockets
            others = []
            searches = 0
        }
        // Ids of processes that have ended will be used again.
        others.formIntersection(processes)
        var holders: [Int32] = []
        for process in processes where !others.contains(process) {
            guard holders.count < Self.holdersMax else { break }
            if holding(process) == .holds {
                holders.append(process)
            } else {
                others.insert(process)
            }
        }
        return holders
    }
}
