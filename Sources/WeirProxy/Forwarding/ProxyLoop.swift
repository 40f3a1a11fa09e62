// SPDX-License-Identifier: Apache-2.0

internal import WeirCompression
internal import WeirHTTP
internal import WeirHTTP2
internal import WeirIO

/// One event loop of the proxy, on a thread of its own.
///
/// It owns everything that its requests touch: listeners, connections, buffers, timers, metrics.
/// Other threads reach it through its ``LoopStatus`` alone. A request goes through it like this:
///
/// - `+Accept` takes the connection, `+Client` reads from it and parses the head;
/// - `+Request` starts the exchange and sends the request on, `+Collecting` waits for its body
///   first, `+Slots` for its turn, `+Upstream` connects, pools and reads;
/// - `+Response` relays the response, `+Output` sends it, `+Completion` ends the exchange, well or
///   not;
/// - `+Compression` puts bodies into gzip on their way;
/// - `+Spool` keeps what one side has sent and the other has not taken;
/// - `+HTTP2` carries frames between a connection and its streams, `+Streams` what the exchange
///   of a stream needs in place of a socket;
/// - `+Tunnel` carries bytes both ways once protocols were switched;
/// - `+Deadlines` bounds every wait, `+Drain` ends the loop.
///
/// No method allocates, retains or re-enters the loop per request; records are reached by index,
/// and stay readable until the turn ends even when they were closed meanwhile.
final class ProxyLoop {
    /// What a descriptor belongs to, in its event token.
    enum TokenKind {
        static let listener: EventToken.Kind = 0
        static let wakeup: EventToken.Kind = 1
        static let client: EventToken.Kind = 2
        static let upstream: EventToken.Kind = 3
    }

    let plan: LoopPlan
    /// Its place among the loops.
    let number: Int
    /// What bounds the requests in gunicorn, if anything does.
    let gate: SlotGate?
    /// What bounds the bodies that wait, over all loops.
    let budget: BodyBudget
    let status: LoopStatus
    let metrics: LoopMetrics
    let log: Log
    let poller: Poller
    let timers: TimerWheel
    let buffers: BufferPool
    let clients: Slab<ClientConnection>
    let upstreams: Slab<UpstreamConnection>
    let exchanges: Slab<Exchange>
    let spills: Slab<SpillFile>
    let sessions: Slab<HTTP2Connection>
    let engine: HTTP2Engine
    let deflaters: Slab<Deflater>
    /// Those that compress nothing at the moment.
    var idleDeflaters: [SlabIndex<Deflater>] = []
    let requestHead: Pinned<RequestHead>
    let responseHead: Pinned<ResponseHead>
    /// What every read of a connection without kept bytes goes into.
    let inbox: BufferID
    /// Where heads and small bodies are put together before they are sent.
    let outbox: BufferID
    /// Where the head of a request of HTTP/2 is put together.
    let translated: BufferID
    /// Where bodies are compressed to; none while none are.
    let deflated: BufferID
    var listeners: [ListeningPort]
    /// Monotonic nanoseconds at the start of this turn.
    var now: UInt64
    /// The same moment as the `Date` of responses that lack one; renewed once a second.
    var date: HTTPDate
    private var dateExpiresAt: UInt64 = 0
    /// What has to be added to monotonic nanoseconds to get those since 1970.
    private(set) var wallOffset: UInt64 = 0
    var requestIDs: RequestIDSequence
    /// Idle upstream connections, the one used last first: the others can age.
    var firstIdle = SlabIndex<UpstreamConnection>.none
    /// Clients whose next request may be in hand already, served once a turn each.
    var firstQueued = SlabIndex<ClientConnection>.none
    var lastQueued = SlabIndex<ClientConnection>.none
    /// Whether the listeners may have connections that wait for room.
    var hasPausedListeners = false
    /// How many of the clients are streams of a connection.
    var streamCount = 0
    /// Which of upstream's addresses answered last.
    var upstreamAddress = 0
    var stage = Stage.serving

    /// How the loop takes new work.
    enum Stage: BitwiseCopyable {
        case serving
        /// What is in flight is finished, nothing new is taken.
        case draining
        case ended
    }

    /// A loop that has not run yet.
    ///
    /// - Parameters:
    ///   - plan: what it is to do.
    ///   - number: its place among the loops.
    ///   - gate: what bounds the requests in gunicorn; `nil` is nothing.
    ///   - budget: what bounds the bodies that wait.
    ///   - listeners: its own listening sockets.
    ///   - status: how other threads see and reach it.
    ///   - metrics: its shard.
    ///   - log: where diagnostics go.
    /// - Throws: `SystemError` when the kernel has no descriptor left.
    init(
        plan: LoopPlan,
        number: Int,
        gate: SlotGate?,
        budget: BodyBudget,
        listeners: [ListeningPort],
        status: LoopStatus,
        metrics: LoopMetrics,
        log: Log
    ) throws(SystemError) {
        self.plan = plan
        self.number = number
        self.gate = gate
        self.budget = budget
        self.listeners = listeners
        self.status = status
        self.metrics = metrics
        self.log = log
        now = Clock.monotonic()
        date = HTTPDate(unixSeconds: 0)
        var generator = SystemRandomNumberGenerator()
        requestIDs = RequestIDSequence(seeds: (generator.next(), generator.next()))
        poller = try Poller()
        // Every client may have an upstream connection of its own, and one more for each that is
        // just being closed.
        clients = Slab(capacity: plan.clients)
        upstreams = Slab(capacity: 2 * plan.connections)
        exchanges = Slab(capacity: 2 * plan.connections)
        spills = Slab(capacity: plan.spillFiles)
        sessions = Slab(capacity: plan.connections)
        deflaters = Slab(capacity: Self.deflatersMax)
        timers = TimerWheel(capacity: plan.clients + 2 * plan.connections + 1, now: now)
        buffers = BufferPool(limit: plan.bufferBytes)
        guard let inbox = buffers.take(BufferPool.largestSize),
            let outbox = buffers.take(BufferPool.largestSize),
            let translated = buffers.take(BufferPool.largestSize),
            let deflated = plan.gzipLevel == nil
                ? BufferID.none : buffers.take(BufferPool.largestSize)
        else { preconditionFailure("a buffer pool has room for a few buffers") }
        self.inbox = inbox
        self.outbox = outbox
        self.translated = translated
        let limits = HTTP2Limits(headBytes: plan.requestLimits.headBytes)
        guard let engine = HTTP2Engine(limits: limits) else {
            preconditionFailure("there is memory for what every session shares")
        }
        self.engine = engine
        self.deflated = deflated
        requestHead = Pinned(RequestHead(limits: plan.requestLimits))
        responseHead = Pinned(ResponseHead(limits: .response))
        try poller.addSource(
            status.wakeup.descriptor.rawValue,
            token: EventToken(kind: TokenKind.wakeup, index: 0)
        )
        for (index, port) in self.listeners.enumerated() {
            try poller.addSource(
                port.listener.descriptor,
                token: EventToken(kind: TokenKind.listener, index: UInt32(index)),
                sharing: port.sharing
            )
        }
    }

    /// Serves until it is told to end and everything in flight is finished or cut.
    func run() {
        metrics.buffersInUse(bytes: buffers.bytesInUse)
        while stage != .ended {
            status.turnEnded()
            let sleep = firstQueued == .none ? timers.sleepMilliseconds(at: now) : 0
            let count = poller.wait(milliseconds: sleep)
            now = Clock.monotonic()
            status.turnStarted(at: now)
            if now >= dateExpiresAt { readWallClock() }
            for position in 0..<count { dispatch(poller.event(position)) }
            while let timer = timers.nextExpired(at: now) { expire(timer) }
            endTurn()
        }
    }

    private func dispatch(_ event: Event) {
        switch event.token.kind {
        case TokenKind.client:
            guard let client = clients.current(event.token) else { return }
            clientReady(client, event.readiness)
        case TokenKind.upstream:
            guard let upstream = upstreams.current(event.token) else { return }
            upstreamReady(upstream, event.readiness)
        case TokenKind.listener:
            acceptConnections(on: Int(event.token.index))
        default:
            status.wakeup.acknowledge()
            obeyStatus()
        }
    }

    private func endTurn() {
        resumeQueuedClients()
        resumeGranted()
        clients.reclaim()
        upstreams.reclaim()
        exchanges.reclaim()
        sessions.reclaim()
        spills.reclaim()
        deflaters.reclaim()
        metrics.buffersInUse(bytes: buffers.bytesInUse)
        if hasPausedListeners, connectionCount < plan.connections { resumeAccepting() }
        if stage == .draining, clients.count == 0 { stage = .ended }
    }

    private func readWallClock() {
        let wall = Clock.wall()
        date = HTTPDate(unixSeconds: Int64(wall / 1_000_000_000))
        wallOffset = wall &- now
        dateExpiresAt = now &+ (1_000_000_000 &- wall % 1_000_000_000)
    }
}
