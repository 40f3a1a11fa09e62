// SPDX-License-Identifier: Apache-2.0

/// How far a message head has got.
public enum HeadProgress: Equatable, Sendable {
    /// The head is whole and takes `length` bytes; what comes behind it is not part of it.
    case complete(length: Int)
    /// More bytes are needed. Parsing starts again from the front when they are there.
    case incomplete
    /// The message must not be passed on, and nothing behind it can be trusted.
    case refused(HeadError)
}
