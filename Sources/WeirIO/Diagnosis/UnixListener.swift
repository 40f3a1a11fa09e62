// SPDX-License-Identifier: Apache-2.0

/// What the kernel tells of a unix socket that listens (linux/unix_diag.h).
struct UnixListener: Equatable, Sendable {
    /// Which file of a file system it is bound to, in the kernel's 32 bits each.
    struct File: Equatable, Sendable {
        let device: UInt32
        let inode: UInt32
    }

    let socket: ListeningSocket
    let file: File
    /// The path that it was bound with.
    let name: [UInt8]

    private enum Attribute {
        static let name: UInt16 = 0
        static let file: UInt16 = 1
        static let queueLengths: UInt16 = 4
    }

    private static let family: UInt8 = 1
    private static let stateListening: UInt8 = 10
    private static let fixedLength = 16

    /// Asks for every unix socket of this network namespace that listens, with its file, its name
    /// and its queue.
    static var question: [UInt8] {
        let showNameFileAndQueue: UInt32 = 0x1 | 0x2 | 0x10
        var body: [UInt8] = [family, 0, 0, 0]
        body.appendNative(UInt32(1) << stateListening)
        body.appendNative(UInt32(0))
        body.appendNative(showNameFileAndQueue)
        // No cookie, so that any socket is meant.
        for _ in 0..<2 { body.appendNative(UInt32.max) }
        return body
    }

    /// Reads an answer; `nil` when it tells of something else, or not all that is needed.
    init?(_ message: NativeBytes) {
        guard message.uint8(at: 0) == Self.family, message.uint8(at: 2) == Self.stateListening,
            let inode = message.uint32(at: 4)
        else { return nil }
        var file: File?
        var queue: (length: UInt32, most: UInt32)?
        var name: [UInt8] = []
        for (type, value) in NetlinkAttributes(of: message, behind: Self.fixedLength) {
            switch type {
            case Attribute.name: name = value.array
            case Attribute.file:
                if let inode = value.uint32(at: 0), let device = value.uint32(at: 4) {
                    file = File(device: device, inode: inode)
                }
            case Attribute.queueLengths:
                if let length = value.uint32(at: 0), let most = value.uint32(at: 4) {
                    queue = (length, most)
                }
            default: continue
            }
        }
        guard let file, let queue else { return nil }
        self.file = file
        self.name = Array(name.prefix { $0 != 0 })
        socket = ListeningSocket(
            inode: UInt64(inode),
            backlog: Int(queue.length),
            backlogMax: Int(queue.most)
        )
    }

    /// Whether this is the socket that a path leads to.
    ///
    /// Where a file system of several layers shows another device than its own, the last part of
    /// the name has to be the same instead.
    ///
    /// - Parameters:
    ///   - target: the file that the path leads to.
    ///   - path: the path itself.
    /// - Returns: whether it is.
    func isBound(to target: File, at path: String) -> Bool {
        guard file.inode == target.inode else { return false }
        return file.device == target.device
            || Self.lastPart(name[...]) == Self.lastPart(Array(path.utf8)[...])
    }

    private static func lastPart(_ path: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        path.split(separator: UInt8(ascii: "/")).last
    }
}
