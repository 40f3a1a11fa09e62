// SPDX-License-Identifier: Apache-2.0

internal import WeirHTTP
internal import WeirIO

/// What one loop is told at its start: the settings in the units that it computes with.
struct LoopPlan: Sendable {
    /// Bytes that all buffers of all loops may have together.
    ///
    /// They hold what slow peers have not taken yet; at the limit transfers that would need one
    /// more are ended, and counted.
    static let bufferBytesInAll = 512 << 20
    /// Clients at a time: connections, and streams of HTTP/2, of which there are never more than
    /// connections of HTTP/1 might have had requests.
    var clients: Int { 2 * connections }
    /// Where upstream listens, in the order to try.
    let upstreamAddresses: [SocketAddress]
    /// Client connections at a time.
    let connections: Int
    let bufferBytes: Int
    /// Bytes of memory that a body may take up, each way, before it is spilled; 0 keeps none.
    let requestBuffer: Int
    let responseBuffer: Int
    /// Bytes of all files together.
    let spillLimit: Int
    let spillDirectory: String
    /// Files at a time.
    let spillFiles: Int
    let requestLimits: HeadLimits
    /// Bytes of a request body; `UInt64.max` is no limit.
    let bodyBytesMax: UInt64
    let trustedPeers: TrustedPeers
    /// Whether gunicorn listens on a unix socket, whose resets tell more than those of TCP.
    let reachesUpstreamByUnixSocket: Bool
    let acceptsProxyHeaders: Bool
    let sendsProxyHeaders: Bool
    /// How hard to compress; `nil` compresses nothing.
    let gzipLevel: Int?
    /// Time-outs in nanoseconds.
    let queueTimeout: UInt64
    let upstreamWait: UInt64
    let headerTimeout: UInt64
    let bodyTimeout: UInt64
    let idleTimeout: UInt64
    let sendTimeout: UInt64
    let tunnelTimeout: UInt64
    let connectTimeout: UInt64
    let responseTimeout: UInt64
    let upstreamIdleTimeout: UInt64

    /// The share of one loop.
    ///
    /// - Parameters:
    ///   - settings: what the operator asked for.
    ///   - upstream: where upstream is; at least one address.
    ///   - shares: connections and files of all loops together.
    init(_ settings: ProxySettings, upstream: [SocketAddress], _ shares: DescriptorShares) {
        upstreamAddresses = upstream
        self.connections = max(1, shares.connections / settings.threads)
        // One loop may have to hold all bodies.
        bufferBytes =
            max(4 * BufferPool.largestSize, Self.bufferBytesInAll / settings.threads)
            + settings.buffering.memory
        requestBuffer = settings.buffering.request
        responseBuffer = settings.buffering.response
        spillLimit = settings.buffering.spill
        spillDirectory = settings.buffering.spillDirectory
        spillFiles = shares.spillFiles / settings.threads
        reachesUpstreamByUnixSocket = upstream.allSatisfy { $0.family == .unix }
        requestLimits = HeadLimits(
            headBytes: settings.limits.headerBytes,
            fieldCount: settings.limits.headerCount,
            targetBytes: settings.limits.targetBytes
        )
        bodyBytesMax = settings.limits.bodyBytes ?? .max
        trustedPeers = settings.trustedPeers
        acceptsProxyHeaders = settings.proxyProtocol.isAccepted
        sendsProxyHeaders = settings.proxyProtocol.isSent
        gzipLevel = settings.gzipLevel
        queueTimeout = settings.timeouts.queue.nanoseconds
        upstreamWait = settings.timeouts.upstreamWait.nanoseconds
        headerTimeout = settings.timeouts.header.nanoseconds
        bodyTimeout = settings.timeouts.body.nanoseconds
        idleTimeout = settings.timeouts.idle.nanoseconds
        sendTimeout = settings.timeouts.send.nanoseconds
        tunnelTimeout = settings.timeouts.tunnel.nanoseconds
        connectTimeout = settings.timeouts.connect.nanoseconds
        responseTimeout = settings.timeouts.response.nanoseconds
        upstreamIdleTimeout = settings.timeouts.upstreamIdle.nanoseconds
    }
}
