// SPDX-License-Identifier: Apache-2.0

/// Whether a message may have a body.
public enum MessageContent: BitwiseCopyable, Sendable {
    case expected
    /// It ends with its head: a request says so, a response to a HEAD never has one.
    case none
}
