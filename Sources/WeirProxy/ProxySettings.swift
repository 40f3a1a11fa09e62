// SPDX-License-Identifier: Apache-2.0

public import WeirIO

/// Everything that the proxy is told at its start; nothing here still needs checking.
public struct ProxySettings: Equatable, Sendable {
    /// Where clients connect.
    public var listeners: [Endpoint] = [.tcp(host: "0.0.0.0", port: 8000)]
    /// Where gunicorn listens.
    public var upstream: Endpoint = .tcp(host: "127.0.0.1", port: 8001)
    /// Where metrics and health are asked for.
    public var metricsListener: Endpoint = .tcp(host: "0.0.0.0", port: 9102)
    /// The path of the exposition on the admin listener; starts with `/`.
    public var metricsPath = "/metrics"
    /// The prefix of the three compatible families, `flask` in `flask_requests`.
    public var metricsPrefix = "flask"
    /// Event loops, one thread each; at least 1.
    public var threads = 1
    /// Whose word about those before it is believed.
    public var trustedPeers = TrustedPeers([.loopback, .unix])
    /// On which side connections begin with a PROXY header.
    public var proxyProtocol = ProxyProtocolUse.none
    /// How hard responses are compressed, 1 to 9; `nil` leaves them as they are.
    public var gzipLevel: Int?
    /// Requests in gunicorn at a time, over all threads.
    public var slots = SlotPolicy.unlimited
    /// Requests that one worker of gunicorn works on at a time, where the slots follow the workers.
    public var workerThreads = 1
    /// Requests that may wait for a slot; beyond: 503.
    public var queueLimit = 1024
    /// How long each kind of silence may last.
    public var timeouts = Timeouts()
    /// What waits in weir because one side is slower than the other.
    public var buffering = Buffering()
    /// How large each thing may grow.
    public var limits = Limits()
    /// How long weir goes on accepting, not ready any more, after TERM.
    public var shutdownDelay: Duration = .zero
    /// How long requests in flight may take to finish after that.
    public var drainTimeout: Duration = .seconds(4)
    /// The least important diagnostic that is still printed.
    public var logLevel: LogLevel = .info

    /// The defaults of every option.
    public init() {}
}

/// Where the number of requests in gunicorn at a time comes from.
public enum SlotPolicy: Equatable, Sendable {
    case unlimited
    /// The operator's number, at least 1.
    case fixed(Int)
    /// What gunicorn has workers for, as weir finds out and follows.
    case auto

    /// What holds before anything of gunicorn was seen.
    var initialLimit: SlotLimit {
        switch self {
        case .unlimited, .auto: .unlimited
        case .fixed(let count): .bounded(count)
        }
    }
}

/// On which side of weir connections begin with a PROXY header (haproxy.org, proxy-protocol.txt).
public enum ProxyProtocolUse: String, CaseIterable, Sendable {
    case none
    /// Each connection of a client has one, version 1 or 2.
    case accept
    /// Each connection to upstream gets one, version 1.
    case send
    case both

    /// Whether connections of clients have one.
    var isAccepted: Bool { self == .accept || self == .both }
    /// Whether connections to upstream get one.
    var isSent: Bool { self == .send || self == .both }
}

/// How long weir waits, for whom; all but ``upstreamWait`` are greater than zero.
public struct Timeouts: Equatable, Sendable {
    /// Waiting for a slot; then 503.
    public var queue: Duration = .seconds(30)
    /// Upstream refuses connections; then 502.
    public var upstreamWait: Duration = .seconds(10)
    /// From the first byte of a request to the end of its head; then 408.
    public var header: Duration = .seconds(10)
    /// Between two reads of a request body; then 408.
    public var body: Duration = .seconds(30)
    /// A client connection without a request; then it is closed.
    public var idle: Duration = .seconds(75)
    /// A client that takes none of the response; then it is closed.
    public var send: Duration = .seconds(60)
    /// Silence of both sides of a tunnel; then it is closed.
    public var tunnel: Duration = .seconds(3600)
    /// From the first connection attempt to a connected upstream socket; then 504.
    public var connect: Duration = .seconds(5)
    /// Silence of upstream while weir waits for it; then 504.
    public var response: Duration = .seconds(60)
    /// An upstream connection without a request; then it is closed.
    public var upstreamIdle: Duration = .seconds(2)

    /// The defaults of every time-out.
    public init() {}
}

/// How large each thing that a peer can make grow may become.
public struct Limits: Equatable, Sendable {
    /// Bytes of a request head with its empty line, 256 to 65,535; beyond: 431.
    public var headerBytes = 32 * 1024
    /// Fields of a request head, 1 to 256; beyond: 431.
    public var headerCount = 100
    /// Bytes of a request target, 1 to 65,535; beyond: 414.
    public var targetBytes = 16 * 1024
    /// Bytes of a request body; `nil` is no limit; beyond: 413.
    public var bodyBytes: UInt64?
    /// Client connections at a time, over all threads; `nil` derives it from `RLIMIT_NOFILE`.
    public var connections: Int?

    /// The defaults of every limit.
    public init() {}
}

/// How much of bodies weir keeps, and where; sizes in bytes.
public struct Buffering: Equatable, Sendable {
    /// Memory for one request body; beyond it is spilled; 0 streams all requests.
    public var request = 1 << 20
    /// Memory for one response body; beyond it is spilled; 0 lets upstream wait for the client.
    public var response = 1 << 20
    /// Memory for all bodies together.
    public var memory = 64 << 20
    /// Files for all bodies together; beyond, the slow side sets the pace.
    public var spill = 1 << 30
    /// Where the files are made.
    public var spillDirectory = "/tmp"

    /// The defaults of every size.
    public init() {}
}

/// How important a line of diagnostics is, most important first.
public enum LogLevel: String, CaseIterable, Sendable {
    case error, warning, info, debug
}
