// SPDX-License-Identifier: Apache-2.0

internal import WeirHTTP
internal import WeirIO

/// The thread beside the traffic: admin listener, signals, probes of upstream, the end of the
/// process.
///
/// Nothing here is on a request's way, so it is written for clarity: a scrape may allocate.
final class ControlLoop {
    /// What a descriptor belongs to, in its event token.
    private enum TokenKind {
        static let listener: EventToken.Kind = 0
        static let wakeup: EventToken.Kind = 1
        static let signals: EventToken.Kind = 2
        static let connection: EventToken.Kind = 3
        static let probe: EventToken.Kind = 4
    }

    /// A loop as the control thread knows it.
    struct Worker: Sendable {
        let status: LoopStatus
        let metrics: LoopMetrics
    }

    static let connectionsMax = 256
    /// How long an admin connection may be silent, or take nothing.
    private static let connectionTimeout: UInt64 = 30_000_000_000
    /// A probe that takes longer is as good as none: Prometheus waits for the page.
    private static let probeTimeoutMax: UInt64 = 1_000_000_000
    /// How long the answer of a request tells that upstream is up.
    private static let evidenceAge: UInt64 = 5_000_000_000
    /// A loop that has been in one turn for longer is stuck.
    private static let turnMax: UInt64 = 5_000_000_000

    let settings: ProxySettings
    let workers: [Worker]
    let page: ProxyMetrics
    let log: Log
    private let listener: SharedListener
    private let signals: Signals
    private let wakeup: Wakeup
    private let poller: Poller
    private let timers: TimerWheel
    private let probe: Pinned<UpstreamProbe>
    let head: Pinned<RequestHead>
    let gate: SlotGate?
    var watch: UpstreamWatch
    /// Decides about the slots where they follow gunicorn's workers.
    var follower: SlotsFollower?
    /// What was last found out of upstream, however long ago.
    private(set) var lastHealth: UpstreamHealth?
    private(set) var lifecycle: Lifecycle
    private var connections: [AdminConnection?]
    private var generation: UInt32 = 0
    private(set) var now: UInt64

    private var probeTimer: Int { Self.connectionsMax }
    private var lifecycleTimer: Int { Self.connectionsMax + 1 }
    private var watchTimer: Int { Self.connectionsMax + 2 }

    /// - Parameters:
    ///   - settings: what the operator asked for.
    ///   - workers: the loops.
    ///   - listener: the admin listener.
    ///   - signals: where TERM and INT arrive.
    ///   - wakeup: where loops tell that they have ended.
    ///   - upstream: upstream's addresses.
    ///   - gate: what bounds the requests in gunicorn; `nil` is nothing.
    ///   - log: where diagnostics go.
    /// - Throws: `SystemError` when the kernel has no descriptor left.
    init(
        settings: ProxySettings,
        workers: [Worker],
        listener: SharedListener,
        signals: consuming Signals,
        wakeup: Wakeup,
        upstream: [SocketAddress],
        gate: SlotGate?,
        log: Log
    ) throws(SystemError) {
        self.settings = settings
        self.workers = workers
        self.listener = listener
        self.signals = signals
        self.wakeup = wakeup
        self.log = log
        self.gate = gate
        watch = UpstreamWatch(endpoint: settings.upstream, addresses: upstream)
        follower =
            settings.slots == .auto ? SlotsFollower(workerThreads: settings.workerThreads) : nil
        page = ProxyMetrics(prefix: settings.metricsPrefix, version: Version.current)
        now = Clock.monotonic()
        poller = try Poller()
        timers = TimerWheel(capacity: Self.connectionsMax + 3, now: now)
        probe = Pinned(UpstreamProbe(addresses: upstream))
        head = Pinned(
            RequestHead(limits: HeadLimits(headBytes: 8_192, fieldCount: 100, targetBytes: 4_096))
        )
        lifecycle = Lifecycle(
            shutdownDelay: settings.shutdownDelay.nanoseconds,
            drainTimeout: settings.drainTimeout.nanoseconds
        )
        connections = Array(repeating: nil, count: Self.connectionsMax)
        try poller.addSource(
            listener.descriptor,
            token: EventToken(kind: TokenKind.listener, index: 0)
        )
        try poller.addSource(
            wakeup.descriptor.rawValue,
            token: EventToken(kind: TokenKind.wakeup, index: 0)
        )
        try poller.addSource(
            self.signals.descriptor.rawValue,
            token: EventToken(kind: TokenKind.signals, index: 0)
        )
    }

    /// Runs until all loops have ended.
    ///
    /// - Returns: the exit status of the process: 0, 1 when something had to be cut off, or 71 when a
    ///   loop could not start.
    func run() -> Int32 {
        if follower != nil { expire(watchTimer) }
        while !workers.allSatisfy(\.status.hasEnded) {
            let count = poller.wait(milliseconds: timers.sleepMilliseconds(at: now))
            now = Clock.monotonic()
            for position in 0..<count { dispatch(poller.event(position)) }
            while let timer = timers.nextExpired(at: now) { expire(timer) }
        }
        guard !workers.contains(where: \.status.hasFailed) else { return ExitStatus.systemError }
        let cutCount = workers.map(\.status.cutCount).reduce(0, +)
        log.write(.info, "stopped", ["cut": "\(cutCount)"])
        return cutCount == 0 ? 0 : 1
    }

    private func dispatch(_ event: Event) {
        switch event.token.kind {
        case TokenKind.listener: acceptConnections()
        case TokenKind.signals: while let signal = signals.next() { stop(because: signal) }
        case TokenKind.connection:
            let place = Int(event.token.index)
            guard let connection = connections[place],
                connection.generation & 0xFF_FFFF == event.token.generation
            else { return }
            connectionReady(connection, at: place, event.readiness)
        case TokenKind.probe:
            guard event.token.index == probe.value.attempt else { return }
            if let health = probe.value.ready(event.readiness, watchProbe) { probeEnded(health) }
        default:
            wakeup.acknowledge()
            // Its listeners would take connections that nobody serves.
            if workers.contains(where: \.status.hasFailed) { obey(.cut) }
        }
    }

    private func expire(_ timer: Int) {
        switch timer {
        case probeTimer: if let health = probe.value.expire() { probeEnded(health) }
        case lifecycleTimer: obey(lifecycle.advance(to: now))
        case watchTimer:
            followWorkers()
            timers.arm(watchTimer, at: now &+ Self.watchInterval)
        default: closeConnection(at: timer)
        }
    }

    // MARK: The end

    private func stop(because signal: Signals.Signal) {
        log.write(.info, "stopping", ["signal": signal == .terminate ? "TERM" : "INT"])
        obey(lifecycle.stop(at: now))
    }

    private func obey(_ step: Lifecycle.Step) {
        switch step {
        case .none: break
        case .drain: for worker in workers { worker.status.give(.drain) }
        case .cut: for worker in workers { worker.status.give(.cut) }
        }
        if let deadline = lifecycle.deadline { timers.arm(lifecycleTimer, at: deadline) }
    }

    // MARK: Upstream

    /// What traffic tells of upstream; `nil` when it has to be asked.
    private var knownHealth: UpstreamHealth? {
        let evidence = workers.map(\.status.upstreamEvidence)
        let answered = evidence.map(\.answeredAt).max() ?? 0
        let failed = evidence.map(\.failedAt).max() ?? 0
        let isFresh = answered > failed && now < answered &+ Self.evidenceAge
        return isFresh ? .up : nil
    }

    /// What is known of upstream once it was looked at; `nil` when it has to be asked.
    ///
    /// Connections that wait prove that the kernel takes more. One for a probe would only make the
    /// row longer, for as long as gunicorn hangs.
    func health(seeing sight: UpstreamSight) -> UpstreamHealth? {
        if let known = knownHealth { lastHealth = known }
        return knownHealth ?? (lastHealth == .up && sight.isFillingUp ? .up : nil)
    }

    private func watchProbe(_ number: Int32, _ attempt: UInt32) -> Bool {
        let token = EventToken(kind: TokenKind.probe, index: attempt)
        return (try? poller.addStream(number, token: token)) != nil
    }

    private func startProbe() {
        guard probe.value.state == .idle else { return }
        let timeout = min(settings.timeouts.connect.nanoseconds, Self.probeTimeoutMax)
        timers.arm(probeTimer, at: now &+ timeout)
        if let health = probe.value.start(watchProbe) { probeEnded(health) }
    }

    private func probeEnded(_ health: UpstreamHealth) {
        timers.cancel(probeTimer)
        lastHealth = health
        for place in connections.indices {
            guard let connection = connections[place],
                case .awaitingProbe(let request, let sight) = connection.phase
            else { continue }
            connection.phase = .reading
            answer(request, health, sight, on: connection)
            connectionReady(connection, at: place, [])
        }
    }

    // MARK: Connections

    private func acceptConnections() {
        while let place = connections.firstIndex(where: { $0 == nil }) {
            switch listener.listener.accept() {
            case .connection(let socket, from: _): admit(socket, at: place)
            case .aborted: continue
            case .empty: return
            case .exhausted(let error):
                log.limited(
                    .warning,
                    "cannot accept an admin connection",
                    ["error": error.description]
                )
                return
            }
        }
    }

    private func admit(_ socket: consuming StreamSocket, at place: Int) {
        generation &+= 1
        let token = EventToken(
            kind: TokenKind.connection,
            generation: generation,
            index: UInt32(place)
        )
        guard (try? poller.addStream(socket.number, token: token)) != nil else { return }
        connections[place] = AdminConnection(socket: socket, generation: generation)
        timers.arm(place, at: now &+ Self.connectionTimeout)
    }

    private func closeConnection(at place: Int) {
        let wasFull = !connections.contains { $0 == nil }
        connections[place] = nil
        timers.cancel(place)
        // Those that found no place still wait; their edge was reported already.
        if wasFull { acceptConnections() }
    }

    private func connectionReady(
        _ connection: AdminConnection,
        at place: Int,
        _ readiness: Readiness
    ) {
        guard readiness.isDisjoint(with: [.error, .hangup]) else {
            closeConnection(at: place)
            return
        }
        repeat {
            receive(on: connection)
            serve(connection, at: place)
        } while connections[place] === connection && connection.canGoOn
    }

    private func receive(on connection: AdminConnection) {
        // Requests have no bodies here, so this much is a head that will be refused, or a client
        // that does not read.
        while connection.input.count < 16_384, !connection.hasFinished {
            switch connection.socket.receive(into: &connection.input, upTo: 4_096) {
            case .bytes: continue
            case .wouldBlock:
                connection.isDrained = true
                return
            case .end, .failed: connection.hasFinished = true
            }
        }
        connection.isDrained = connection.hasFinished
    }

    /// Answers what has come in, in order, and sends what can be sent.
    private func serve(_ connection: AdminConnection, at place: Int) {
        timers.arm(place, at: now &+ Self.connectionTimeout)
        flush(connection)
        while case .reading = connection.phase, connection.output.isEmpty {
            guard takeRequest(from: connection) else { break }
            flush(connection)
        }
        switch connection.phase {
        // It answers by itself, at once or later, and comes back here.
        case .awaitingProbe: startProbe()
        case .closing: if connection.output.isEmpty { closeConnection(at: place) }
        case .reading:
            if connection.hasFinished, connection.output.isEmpty { closeConnection(at: place) }
        }
    }

    private func flush(_ connection: AdminConnection) {
        while !connection.output.isEmpty {
            switch connection.socket.send(connection.output) {
            case .bytes(let count): connection.output = connection.output.dropFirst(count)
            case .wouldBlock, .end: return
            case .failed:
                connection.output = []
                connection.phase = .closing
            }
        }
    }

    /// Whether every loop turns.
    var areLoopsTurning: Bool {
        workers.allSatisfy { $0.status.busyNanoseconds(at: now) < Self.turnMax }
    }
}
