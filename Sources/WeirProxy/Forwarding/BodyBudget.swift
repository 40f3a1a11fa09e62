// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// How many bytes of bodies wait in memory and in files, over all loops.
///
/// Asked only when a body has to wait, never for one that goes straight through.
final class BodyBudget: Sendable {
    private let memoryLimit: Int
    private let spillLimit: Int
    private let memory = Atomic<Int>(0)
    private let spilled = Atomic<Int>(0)

    /// A budget of which nothing is taken.
    ///
    /// - Parameters:
    ///   - memoryLimit: bytes in memory.
    ///   - spillLimit: bytes in files.
    init(memoryLimit: Int, spillLimit: Int) {
        self.memoryLimit = memoryLimit
        self.spillLimit = spillLimit
    }

    /// Takes bytes of memory, all or none; what was taken is given back.
    func takeMemory(_ count: Int) -> Bool { Self.take(count, of: memory, limit: memoryLimit) }

    /// Takes bytes of files, all or none; what was taken is given back.
    func takeSpill(_ count: Int) -> Bool { Self.take(count, of: spilled, limit: spillLimit) }

    func giveBack(memory count: Int) { memory.subtract(count, ordering: .relaxed) }
    func giveBack(spill count: Int) { spilled.subtract(count, ordering: .relaxed) }

    private static func take(_ count: Int, of sum: borrowing Atomic<Int>, limit: Int) -> Bool {
        guard sum.add(count, ordering: .relaxed).newValue > limit else { return true }
        sum.subtract(count, ordering: .relaxed)
        return false
    }
}
