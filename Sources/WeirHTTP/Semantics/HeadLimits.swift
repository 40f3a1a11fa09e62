// SPDX-License-Identifier: Apache-2.0

/// How large a message head may be.
public struct HeadLimits: Equatable, Sendable {
    /// Bytes of the whole head, from its first byte to its empty line; at most 65,535 (431).
    public var headBytes: Int { didSet { headBytes = min(max(headBytes, 0), 65_535) } }
    /// Field lines; at most 256 (431).
    public var fieldCount: Int { didSet { fieldCount = min(max(fieldCount, 0), 256) } }
    /// Bytes of the request-target (414).
    public var targetBytes: Int

    /// Values outside of what is possible are brought back into it.
    public init(headBytes: Int, fieldCount: Int, targetBytes: Int) {
        self.headBytes = min(max(headBytes, 0), 65_535)
        self.fieldCount = min(max(fieldCount, 0), 256)
        self.targetBytes = targetBytes
    }

    /// For responses: 32 KiB and as many fields as there can be.
    public static var response: HeadLimits {
        HeadLimits(headBytes: 32 * 1024, fieldCount: 256, targetBytes: 0)
    }
}
