// SPDX-License-Identifier: Apache-2.0

internal import WeirProxy

extension ServeOption {
    /// Where the option goes in the settings, and what it takes.
    var setting: Setting {
        switch self {
        case .listen: Setting(\.listeners, ValueFormat.listener.separatedByCommas)
        case .upstream: Setting(\.upstream, .upstream)
        case .metrics: Setting(\.metricsListener, .listener)
        case .metricsPath: Setting(\.metricsPath, .metricsPath)
        case .metricsPrefix: Setting(\.metricsPrefix, .metricsPrefix)
        case .trustProxies: Setting(\.trustedPeers, .trustedPeers)
        case .proxyProtocol: Setting(\.proxyProtocol, .word("use"))
        case .gzip: Setting(\.gzipLevel, Self.gzipLevel.or("off"))
        case .slots: Setting(\.slots, .slots)
        case .workerThreads: Setting(\.workerThreads, .wholeNumber(1...10_000))
        case .queueLimit: Setting(\.queueLimit, .wholeNumber(0...1_000_000))
        case .queueTimeout: Setting(\.timeouts.queue, Self.timeout)
        case .upstreamWait: Setting(\.timeouts.upstreamWait, Self.delay)
        case .requestBuffer: Setting(\.buffering.request, Self.buffer)
        case .responseBuffer: Setting(\.buffering.response, Self.buffer)
        case .bufferMemory: Setting(\.buffering.memory, .size(0...(1 << 40)))
        case .spillLimit: Setting(\.buffering.spill, .size(0...(1 << 50)))
        case .spillDirectory: Setting(\.buffering.spillDirectory, .directory)
        case .connectTimeout: Setting(\.timeouts.connect, Self.timeout)
        case .responseTimeout: Setting(\.timeouts.response, Self.timeout)
        case .upstreamIdleTimeout: Setting(\.timeouts.upstreamIdle, Self.timeout)
        case .headerTimeout: Setting(\.timeouts.header, Self.timeout)
        case .bodyTimeout: Setting(\.timeouts.body, Self.timeout)
        case .idleTimeout: Setting(\.timeouts.idle, Self.timeout)
        case .sendTimeout: Setting(\.timeouts.send, Self.timeout)
        case .tunnelTimeout: Setting(\.timeouts.tunnel, Self.timeout)
        case .maxHeaderBytes: Setting(\.limits.headerBytes, .size(256...65_535))
        case .maxHeaders: Setting(\.limits.headerCount, .wholeNumber(1...256))
        case .maxTarget: Setting(\.limits.targetBytes, .size(1...65_535))
        case .maxBody: Setting(\.limits.bodyBytes, Self.bodyBytes.or("none"))
        case .maxConnections: Setting(\.limits.connections, Self.connections.or("auto"))
        case .threads: Setting(\.threads, .wholeNumber(Self.threadRange))
        case .shutdownDelay: Setting(\.shutdownDelay, Self.delay)
        case .drainTimeout: Setting(\.drainTimeout, Self.delay)
        case .logLevel: Setting(\.logLevel, .word("level"))
        }
    }

    /// How many event loops there may be.
    static let threadRange = 1...256

    /// Those of zlib.
    private static let gzipLevel = ValueFormat.wholeNumber(1...9)
    /// A silence that ends something; a day is longer than any client waits.
    private static let timeout = ValueFormat.duration(.milliseconds(1) ... .seconds(86_400))
    /// A wait that may also be left out.
    private static let delay = ValueFormat.duration(.zero ... .seconds(86_400))
    /// A pebibyte, so that sums of sizes cannot overflow.
    private static let bodyBytes = ValueFormat<UInt64>.size(1...(1 << 50))
    /// Of one body; the chains of buffers count in 32 bits.
    private static let buffer = ValueFormat<Int>.size(0...(1 << 30))
    /// Above the most that `fs.nr_open` is set to in practice.
    private static let connections = ValueFormat.wholeNumber(1...10_000_000)
}
