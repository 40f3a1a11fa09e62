// SPDX-License-Identifier: Apache-2.0

internal import WeirIO

extension ProxyLoop {
    /// Does what the control thread has asked for since the last turn.
    func obeyStatus() {
        switch status.order {
        case .serve: break
        case .drain: drain()
        case .cut: cut()
        }
    }

    /// Takes what waits at the door, closes it, and ends every connection once it has nothing in
    /// flight.
    private func drain() {
        guard stage == .serving else { return }
        // Connections that the kernel has accepted would be reset with the listener.
        for position in listeners.indices { acceptConnections(on: position) }
        for port in listeners { port.listener.listener.stop() }
        listeners = []
        hasPausedListeners = false
        stage = .draining
        while firstIdle != .none { closeUpstream(firstIdle) }
        forEachClient { client in
            guard !clients[client].isStream else { return }
            // A request may have come that no event has told of yet.
            clients[client].isReadable = true
            readClient(client)
            closeIfIdle(client)
            if clients[client].phase == .multiplexing { announceEnd(to: client) }
        }
    }

    /// At a drain, closes a connection that has no request for weir.
    func closeIfIdle(_ client: SlabIndex<ClientConnection>) {
        guard stage == .draining, clients[client].phase == .awaitingRequest,
            !clients[client].isReadable, !clients[client].isQueued
        else { return }
        close(client)
    }

    /// Ends everything now.
    private func cut() {
        drain()
        forEachClient { client in
            guard clients[client].exchange != .none else { return }
            status.wasCut()
            abandon(client, because: .draining)
        }
        forEachClient { close($0) }
        stage = .ended
    }

    private func forEachClient(_ body: (SlabIndex<ClientConnection>) -> Void) {
        var next = clients.live(from: 0)
        while let client = next {
            body(client)
            next = clients.live(from: Int(client.rawValue) + 1)
        }
    }
}
