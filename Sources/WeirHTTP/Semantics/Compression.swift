// SPDX-License-Identifier: Apache-2.0

/// What becomes of a response's body on its way to the client (RFC 9110 §8.4, §12.5.3).
public enum Compression: Equatable, BitwiseCopyable, Sendable {
    /// It goes as it came, to every client.
    case none
    /// It goes as it came to this client, and compressed to others: caches have to know.
    case declined
    /// It goes in gzip.
    case gzip
    /// There is none: the client has it already, in gzip (304).
    case remembered
}
