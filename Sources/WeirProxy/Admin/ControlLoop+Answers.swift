// SPDX-License-Identifier: Apache-2.0

internal import WeirHTTP
internal import WeirIO
internal import WeirMetrics

extension ControlLoop {
    /// Takes the next request from what a connection has sent, and answers it or has upstream asked
    /// first.
    ///
    /// - Parameter connection: who asks.
    /// - Returns: whether there was a request.
    func takeRequest(from connection: AdminConnection) -> Bool {
        guard !connection.input.isEmpty else { return false }
        let progress = head.value.parse(connection.input.span.octets)
        switch progress {
        case .incomplete: return false
        case .refused(let error):
            connection.input = []
            let refused = AdminRequest.refused
            send(AdminResponse(error.status, error.explanation), answering: refused, on: connection)
            return true
        case .complete(let length):
            let target = String(decoding: connection.input[head.value.target], as: UTF8.self)
            let request = AdminRequest(
                head: head.value,
                connection.input.span.octets,
                target: target,
                metricsPath: settings.metricsPath
            )
            connection.input.removeFirst(length)
            if request.asksForUpstream {
                ask(request, on: connection)
            } else {
                answer(request, .down, UpstreamSight(), on: connection)
            }
            return true
        }
    }

    private func ask(_ request: AdminRequest, on connection: AdminConnection) {
        let sight = request.page == .metrics ? watch.look() : watch.glance()
        if let health = health(seeing: sight) {
            answer(request, health, sight, on: connection)
        } else {
            connection.phase = .awaitingProbe(request, sight)
        }
    }

    /// Answers a request.
    ///
    /// - Parameters:
    ///   - request: what was asked.
    ///   - health: how upstream is; means nothing where the request does not ask for it.
    ///   - sight: what was seen of it; the same holds.
    ///   - connection: who asks.
    func answer(
        _ request: AdminRequest,
        _ health: UpstreamHealth,
        _ sight: UpstreamSight,
        on connection: AdminConnection
    ) {
        send(response(to: request, health, sight), answering: request, on: connection)
    }

    private func response(
        to request: AdminRequest,
        _ health: UpstreamHealth,
        _ sight: UpstreamSight
    ) -> AdminResponse {
        guard request.page != .unknown else {
            return AdminResponse(
                404,
                "not found; there are \(settings.metricsPath), /-/healthy and /-/ready"
            )
        }
        guard request.method == .get || request.method == .head else {
            var response = AdminResponse(405, "only GET and HEAD are allowed here")
            response.extraFields = ["Allow: GET, HEAD"]
            return response
        }
        switch request.page {
        case .metrics:
            let bytes = page.exposition(
                of: workers.map(\.metrics),
                upstream: health,
                sight: sight,
                gate: gate?.occupancy,
                process: .read(),
                now: now
            )
            var response = AdminResponse(
                200,
                contentType: TextExposition.contentType,
                body: bytes
            )
            // It is long and much of it repeats, and Prometheus always asks for it in gzip.
            response.negotiate(with: request)
            return response
        case .healthy:
            return areLoopsTurning
                ? AdminResponse(200, "healthy") : AdminResponse(503, "a loop is stuck")
        case .ready: return readiness(health)
        case .unknown: return AdminResponse(404, "not found")
        }
    }

    private func readiness(_ health: UpstreamHealth) -> AdminResponse {
        guard lifecycle.stage == .serving else {
            return AdminResponse(503, "not ready: weir is shutting down")
        }
        return switch health {
        case .up: AdminResponse(200, "ready")
        case .down:
            AdminResponse(503, "not ready: upstream \(settings.upstream) accepts no connection")
        }
    }

    private func send(
        _ response: AdminResponse,
        answering request: AdminRequest,
        on connection: AdminConnection
    ) {
        let date = HTTPDate(unixSeconds: Int64(Clock.wall() / 1_000_000_000)).description
        connection.output += response.bytes(answering: request, date: date)
        if request.fate == .close || lifecycle.stage != .serving { connection.phase = .closing }
    }
}
