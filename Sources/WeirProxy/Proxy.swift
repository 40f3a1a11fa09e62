// SPDX-License-Identifier: Apache-2.0

internal import WeirIO

/// The proxy as a whole.
public enum Proxy {
    /// Serves until TERM or INT.
    ///
    /// - Parameter settings: what the operator asked for.
    /// - Returns: the exit status: 0 after everything in flight was finished, 1 when something was
    ///   cut off, 69 when an address cannot be used, 71 when the system refuses something else.
    public static func run(_ settings: ProxySettings) -> Int32 {
        let log = Log(level: settings.logLevel)
        do {
            // First of all: threads inherit which signals are blocked.
            let signals = try Signals()
            let control = try start(settings, signals: signals, log: log)
            let exitStatus = control.run()
            for case .unix(let path) in settings.listeners { SystemFile.remove(path) }
            return exitStatus
        } catch let failure as StartFailure {
            StandardError.write(line: "weir: \(failure.message)")
            return ExitStatus.unavailable
        } catch {
            StandardError.write(line: "weir: cannot start: \(error)")
            return ExitStatus.systemError
        }
    }

    private static func start(
        _ settings: ProxySettings,
        signals: consuming Signals,
        log: Log
    ) throws -> ControlLoop {
        let shares = DescriptorShares(
            descriptors: Machine.raiseDescriptorLimit(),
            threads: settings.threads,
            connectionLimit: settings.limits.connections
        )
        let upstream = try addresses(of: settings.upstream, option: "--upstream")
        let ports = try openListeners(settings)
        let admin = try open(settings.metricsListener, option: "--metrics", sharing: .exclusive)
        let wakeup = try Wakeup()
        let plan = LoopPlan(settings, upstream: upstream, shares)
        let statuses = try (0..<settings.threads).map { _ in
            LoopStatus(wakeup: try Wakeup(), controlWakeup: wakeup)
        }
        let budget = BodyBudget(
            memoryLimit: settings.buffering.memory,
            spillLimit: settings.buffering.spill
        )
        let gate = gate(settings, wakeups: statuses.map(\.wakeup))
        let workers = try startLoops(plan, gate, budget, ports: ports, statuses: statuses, log)
        let control = try ControlLoop(
            settings: settings,
            workers: workers,
            listener: admin,
            signals: signals,
            wakeup: wakeup,
            upstream: upstream,
            gate: gate,
            log: log
        )
        for port in ports[0] {
            log.write(.info, "listening", ["address": port.listener.endpoint.description])
        }
        log.write(
            .info,
            "serving",
            [
                "metrics": admin.endpoint.description, "upstream": settings.upstream.description,
                "threads": "\(settings.threads)", "connections": "\(shares.connections)",
                "version": Version.current,
            ]
        )
        return control
    }

    /// What bounds the requests in gunicorn, if anything may.
    private static func gate(_ settings: ProxySettings, wakeups: [Wakeup]) -> SlotGate? {
        guard settings.slots != .unlimited else { return nil }
        return SlotGate(
            slots: settings.slots.initialLimit,
            queueLimit: settings.queueLimit,
            wakeups: wakeups
        )
    }

    /// Starts a thread for each loop.
    private static func startLoops(
        _ plan: LoopPlan,
        _ gate: SlotGate?,
        _ budget: BodyBudget,
        ports: [[ListeningPort]],
        statuses: [LoopStatus],
        _ log: Log
    ) throws(SystemError) -> [ControlLoop.Worker] {
        var workers: [ControlLoop.Worker] = []
        for (number, status) in statuses.enumerated() {
            let metrics = LoopMetrics(now: Clock.monotonic())
            workers.append(ControlLoop.Worker(status: status, metrics: metrics))
            let own = ports[number]
            try Thread.start {
                do {
                    try runLoop(
                        plan,
                        number: number,
                        gate,
                        budget,
                        listeners: own,
                        status,
                        metrics,
                        log
                    )
                    status.ended()
                } catch {
                    log.write(.error, "a loop cannot start", ["error": "\(error)"])
                    status.failed()
                }
            }
        }
        return workers
    }

    /// Runs a loop to its end; it is gone with everything that it held when this returns.
    private static func runLoop(
        _ plan: LoopPlan,
        number: Int,
        _ gate: SlotGate?,
        _ budget: BodyBudget,
        listeners: [ListeningPort],
        _ status: LoopStatus,
        _ metrics: LoopMetrics,
        _ log: Log
    ) throws(SystemError) {
        let loop = try ProxyLoop(
            plan: plan,
            number: number,
            gate: gate,
            budget: budget,
            listeners: listeners,
            status: status,
            metrics: metrics,
            log: log
        )
        loop.run()
    }

    /// The listening sockets of each loop: its own on every port, the same one on every unix path.
    private static func openListeners(_ settings: ProxySettings) throws -> [[ListeningPort]] {
        var ports = [[ListeningPort]](repeating: [], count: settings.threads)
        for endpoint in settings.listeners {
            switch endpoint {
            case .unix:
                let shared = try open(endpoint, option: "--listen", sharing: .exclusive)
                for number in ports.indices {
                    ports[number].append(ListeningPort(listener: shared, sharing: .exclusive))
                }
            case .tcp:
                if settings.threads > 1 { try checkUnused(endpoint) }
                // Port 0 becomes a real one with the first socket; the others share that.
                var endpoint = endpoint
                for number in ports.indices {
                    let own = try open(
                        endpoint,
                        option: "--listen",
                        sharing: settings.threads > 1 ? .perLoop : .exclusive
                    )
                    endpoint = own.endpoint
                    ports[number].append(ListeningPort(listener: own, sharing: .none))
                }
            }
        }
        return ports
    }

    /// Sockets that share their port would share it with another weir's as well, and each would get
    /// half of the clients.
    private static func checkUnused(_ endpoint: Endpoint) throws {
        _ = try open(endpoint, option: "--listen", sharing: .exclusive)
    }

    private static func open(
        _ endpoint: Endpoint,
        option: String,
        sharing: Listener.PortSharing
    ) throws -> SharedListener {
        let address = try addresses(of: endpoint, option: option)[0]
        do {
            return SharedListener(try Listener(address, named: endpoint, sharing: sharing))
        } catch {
            throw StartFailure("\(option): cannot listen on \(endpoint): \(error)")
        }
    }

    private static func addresses(
        of endpoint: Endpoint,
        option: String
    ) throws(StartFailure) -> [SocketAddress] {
        do throws(ResolutionError) {
            return try SocketAddress.resolve(endpoint)
        } catch {
            throw StartFailure("\(option): cannot look up \(endpoint): \(error)")
        }
    }
}

/// Why weir cannot begin to serve, in one line for the operator.
private struct StartFailure: Error {
    let message: String
    init(_ message: String) { self.message = message }
}
