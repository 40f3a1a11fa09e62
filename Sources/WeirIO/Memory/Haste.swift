// SPDX-License-Identifier: Apache-2.0

/// When bytes leave that a socket has taken.
public enum Haste: BitwiseCopyable, Sendable {
    /// At once.
    case now
    /// With what is sent next, which is sure to come at once: TCP waits for it up to 200 ms, and saves
    /// a packet. Other sockets do not wait.
    case withTheNext
}
