// SPDX-License-Identifier: Apache-2.0

internal import WeirHTTP
internal import WeirIO

extension ProxyLoop {
    /// Reads the PROXY header at the front of a connection, and takes over whom it names.
    ///
    /// Only a trusted peer may name anybody: else any client could be whoever it likes to be.
    func receiveProxyHeader(_ received: inout BufferRange, of client: SlabIndex<ClientConnection>) {
        guard clients[client].trust == .trusted else {
            log.limited(
                .warning,
                "a PROXY header is expected, and its sender is not in --trust-proxies",
                ["peer": "\(clients[client].address)"]
            )
            refuse(client, .failure(.badProxyHeader))
            return
        }
        let front = received.prefix(ProxyHeader.bytesMax)
        switch ProxyHeader.parse(buffers.copy(of: front)) {
        case .incomplete: break
        case .malformed: refuse(client, .failure(.badProxyHeader))
        case .complete(let length, let ends):
            received = received.dropping(length)
            clients[client].phase = .awaitingRequest
            armClient(client)
            guard let ends else { return }
            clients[client].address = AddressText(ends.source.description)
            clients[client].trust = plan.trustedPeers.trust(in: ends.source)
            clients[client].port = ends.sourcePort
            clients[client].localPort = ends.destinationPort
        }
    }

    /// Puts the PROXY header for upstream in front of a request, where it gets one.
    ///
    /// It names the client, or whom a trusted peer names in `X-Forwarded-For`. Without an address
    /// there is none: gunicorn refuses `UNKNOWN` and takes its absence for the same.
    func writeProxyHeader(
        of headBytes: BufferRange,
        into head: inout BufferRange,
        of client: SlabIndex<ClientConnection>
    ) {
        var source = IPAddress("\(clients[client].address)")
        var port = clients[client].port
        if clients[client].trust == .trusted {
            let named = buffers.read(headBytes) { requestHead.value.forwardedFor($0) }
            let addresses = named.map { IPAddress($0) }
            // From the right: each trusted peer has added the one before it.
            for address in addresses.reversed() {
                guard let address else { break }
                (source, port) = (address, 0)
                if plan.trustedPeers.trust(in: address) == .untrusted { break }
            }
        }
        guard let source else { return }
        let line = ProxyHeader.line(
            source: source,
            sourcePort: port,
            destination: (
                clients[connection(of: client)].socket.localAddress, clients[client].localPort
            )
        )
        buffers.append(to: &head) { output in
            for byte in line.utf8 { output.append(byte) }
        }
    }
}
