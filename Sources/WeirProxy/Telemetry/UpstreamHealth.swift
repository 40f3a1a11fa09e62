// SPDX-License-Identifier: Apache-2.0

/// Whether upstream accepts connections, as the last probe found it.
enum UpstreamHealth: Equatable, Sendable {
    case up, down
}
