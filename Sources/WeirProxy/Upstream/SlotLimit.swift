// SPDX-License-Identifier: Apache-2.0

/// How many requests may be in gunicorn at a time.
enum SlotLimit: Equatable, Sendable {
    case unlimited
    case bounded(Int)

    /// Whether so many may be inside.
    func lets(_ count: Int) -> Bool {
        switch self {
        case .unlimited: true
        case .bounded(let most): count <= most
        }
    }
}
