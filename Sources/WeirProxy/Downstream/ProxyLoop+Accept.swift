// SPDX-License-Identifier: Apache-2.0

internal import WeirHTTP
internal import WeirIO

extension ProxyLoop {
    /// How long to wait before asking again when the system had no descriptor left.
    private static let exhaustionPause: UInt64 = 100_000_000

    /// Takes all waiting connections, or as many as there is room for.
    ///
    /// At the limit the rest stays in the kernel's queue until a connection ends: it must never
    /// crash, and a client that waits a moment is better off than one that is turned away.
    func acceptConnections(on position: Int) {
        guard stage == .serving else { return }
        let port = listeners[position].listener
        while true {
            guard connectionCount < plan.connections else {
                hasPausedListeners = true
                return
            }
            switch port.listener.accept() {
            case .connection(let socket, let address):
                admit(socket, from: address, on: port.endpoint)
            case .aborted: continue
            case .empty: return
            case .exhausted(let error):
                metrics.acceptFailed()
                log.limited(.warning, "cannot accept connections", ["error": error.description])
                hasPausedListeners = true
                timers.arm(acceptTimer, at: now &+ Self.exhaustionPause)
                return
            }
        }
    }

    /// How many connections clients have open.
    var connectionCount: Int { clients.count - streamCount }

    /// Looks again at every listener; edges that were not acted on are not reported twice.
    func resumeAccepting() {
        hasPausedListeners = false
        for position in listeners.indices { acceptConnections(on: position) }
    }

    private func admit(
        _ socket: consuming StreamSocket,
        from address: SocketAddress,
        on endpoint: Endpoint
    ) {
        let number = socket.number
        let port: UInt16 = if case .tcp(_, let port) = endpoint { port } else { 0 }
        let connection = ClientConnection(
            socket: socket,
            address: AddressText(address.ip?.description ?? ""),
            trust: plan.trustedPeers.trust(in: address.ip),
            port: address.port,
            localPort: port,
            phase: plan.acceptsProxyHeaders ? .awaitingProxyHeader : .awaitingRequest,
            requestStartedAt: now
        )
        // Places of connections that ended in this turn are not free yet.
        guard let client = clients.insert(connection) else {
            metrics.acceptFailed()
            return
        }
        do {
            try poller.addStream(number, token: clients.token(of: client, kind: TokenKind.client))
        } catch {
            metrics.acceptFailed()
            log.limited(.warning, "cannot watch a connection", ["error": error.description])
            clients[client].socket.close()
            clients.retire(client)
            return
        }
        metrics.connectionOpened()
        armClient(client)
    }
}
