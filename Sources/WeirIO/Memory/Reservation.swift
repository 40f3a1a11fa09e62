// SPDX-License-Identifier: Apache-2.0

internal import CLinux

/// Address space for a fixed number of elements; the kernel gives zeroed memory where it is first
/// touched.
///
/// It makes fixed limits cheap: a table for every connection that there might be costs nothing
/// until they come.
@safe struct Reservation<Element>: ~Copyable where Element: ~Copyable {
    let start: UnsafeMutablePointer<Element>
    let capacity: Int

    /// Reserves zeroed space.
    ///
    /// Traps when the address space has no room: this happens at the start only, and there is
    /// nothing to fall back on.
    init(capacity: Int) {
        precondition(capacity > 0 && capacity <= 1 << 32)
        let bytes = capacity * MemoryLayout<Element>.stride
        guard let memory = unsafe weir_reserve(bytes) else {
            preconditionFailure("no address space for \(bytes) bytes")
        }
        unsafe start = memory.bindMemory(to: Element.self, capacity: capacity)
        self.capacity = capacity
    }

    deinit { unsafe weir_unreserve(start, capacity * MemoryLayout<Element>.stride) }
}
