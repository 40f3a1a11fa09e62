// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser

/// The options that `weir serve` and `weir check` share, as they were written.
///
/// What an option is called, means and takes is declared in ``ServeOption``.
///
/// Each command names the five groups itself: the argument parser's checks of a debug build take
/// five times as long for every level of groups.
struct ServeArguments {
    /// How values are written, for the top of the help.
    static let notation = """
        An address is host:port, [v6]:port, :port for all IPv4 interfaces, or unix:PATH. \
        A listener on port 0 takes a free port and logs it. \
        A duration is a number with ms, s, m or h; a bare number is seconds. \
        A size is a number of bytes, or one with k, m or g for powers of 1024. \
        Durations and sizes may have decimals: 1.5s, 0.5m.

        Each option can also be given as the environment variable that is named beside it. \
        The command line wins; an empty variable counts as absent.
        """

    let addresses: Addresses
    let timeouts: Timeouts
    let buffers: Buffers
    let limits: Limits
    let process: Process

    struct Addresses: ParsableArguments {
        @Option(.listen) var listen: [String] = []
        @Option(.upstream) var upstream: String?
        @Option(.metrics) var metrics: String?
        @Option(.metricsPath) var metricsPath: String?
        @Option(.metricsPrefix) var metricsPrefix: String?
        @Option(.trustProxies) var trustProxies: [String] = []
        @Option(.proxyProtocol) var proxyProtocol: String?
        @Option(.gzip) var gzip: String?
    }

    struct Timeouts: ParsableArguments {
        @Option(.queueTimeout) var queue: String?
        @Option(.upstreamWait) var upstreamWait: String?
        @Option(.connectTimeout) var connect: String?
        @Option(.responseTimeout) var response: String?
        @Option(.upstreamIdleTimeout) var upstreamIdle: String?
        @Option(.headerTimeout) var header: String?
        @Option(.bodyTimeout) var body: String?
        @Option(.idleTimeout) var idle: String?
        @Option(.sendTimeout) var send: String?
        @Option(.tunnelTimeout) var tunnel: String?
    }

    struct Buffers: ParsableArguments {
        @Option(.requestBuffer) var request: String?
        @Option(.responseBuffer) var response: String?
        @Option(.bufferMemory) var memory: String?
        @Option(.spillLimit) var spillLimit: String?
        @Option(.spillDirectory) var spillDirectory: String?
    }

    struct Limits: ParsableArguments {
        @Option(.slots) var slots: String?
        @Option(.workerThreads) var workerThreads: String?
        @Option(.queueLimit) var queueLimit: String?
        @Option(.maxHeaderBytes) var headerBytes: String?
        @Option(.maxHeaders) var headers: String?
        @Option(.maxTarget) var target: String?
        @Option(.maxBody) var body: String?
        @Option(.maxConnections) var connections: String?
    }

    struct Process: ParsableArguments {
        @Option(.threads) var threads: String?
        @Option(.shutdownDelay) var shutdownDelay: String?
        @Option(.drainTimeout) var drainTimeout: String?
        @Option(.logLevel) var logLevel: String?
    }

    /// What the command line says for an option; `nil` when it does not name it.
    func text(for option: ServeOption) -> String? {
        switch option {
        // Several are one list, as the environment variable writes them.
        case .listen:
            addresses.listen.isEmpty ? nil : addresses.listen.joined(separator: ",")
        case .upstream: addresses.upstream
        case .metrics: addresses.metrics
        case .metricsPath: addresses.metricsPath
        case .metricsPrefix: addresses.metricsPrefix
        case .trustProxies:
            addresses.trustProxies.isEmpty ? nil : addresses.trustProxies.joined(separator: ",")
        case .proxyProtocol: addresses.proxyProtocol
        case .gzip: addresses.gzip
        case .slots: limits.slots
        case .workerThreads: limits.workerThreads
        case .queueLimit: limits.queueLimit
        case .queueTimeout: timeouts.queue
        case .upstreamWait: timeouts.upstreamWait
        case .requestBuffer: buffers.request
        case .responseBuffer: buffers.response
        case .bufferMemory: buffers.memory
        case .spillLimit: buffers.spillLimit
        case .spillDirectory: buffers.spillDirectory
        case .connectTimeout: timeouts.connect
        case .responseTimeout: timeouts.response
        case .upstreamIdleTimeout: timeouts.upstreamIdle
        case .headerTimeout: timeouts.header
        case .bodyTimeout: timeouts.body
        case .idleTimeout: timeouts.idle
        case .sendTimeout: timeouts.send
        case .tunnelTimeout: timeouts.tunnel
        case .maxHeaderBytes: limits.headerBytes
        case .maxHeaders: limits.headers
        case .maxTarget: limits.target
        case .maxBody: limits.body
        case .maxConnections: limits.connections
        case .threads: process.threads
        case .shutdownDelay: process.shutdownDelay
        case .drainTimeout: process.drainTimeout
        case .logLevel: process.logLevel
        }
    }
}
