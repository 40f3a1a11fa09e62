// SPDX-License-Identifier: Apache-2.0

internal import WeirProxy

/// Every option of `weir serve`, declared once; the raw value is its name.
///
/// The order is the order of the help and of `weir check`.
enum ServeOption: String, CaseIterable, Sendable {
    case listen
    case upstream
    case metrics
    case metricsPath = "metrics-path"
    case metricsPrefix = "metrics-prefix"
    case trustProxies = "trust-proxies"
    case proxyProtocol = "proxy-protocol"
    case gzip
    case slots
    case workerThreads = "worker-threads"
    case queueLimit = "queue-limit"
    case queueTimeout = "queue-timeout"
    case upstreamWait = "upstream-wait"
    case requestBuffer = "request-buffer"
    case responseBuffer = "response-buffer"
    case bufferMemory = "buffer-memory"
    case spillLimit = "spill-limit"
    case spillDirectory = "spill-directory"
    case connectTimeout = "connect-timeout"
    case responseTimeout = "response-timeout"
    case upstreamIdleTimeout = "upstream-idle-timeout"
    case headerTimeout = "header-timeout"
    case bodyTimeout = "body-timeout"
    case idleTimeout = "idle-timeout"
    case sendTimeout = "send-timeout"
    case tunnelTimeout = "tunnel-timeout"
    case maxHeaderBytes = "max-header-bytes"
    case maxHeaders = "max-headers"
    case maxTarget = "max-target"
    case maxBody = "max-body"
    case maxConnections = "max-connections"
    case threads
    case shutdownDelay = "shutdown-delay"
    case drainTimeout = "drain-timeout"
    case logLevel = "log-level"

    /// The name without dashes in front.
    var name: String { rawValue }

    /// The name as the command line writes it.
    var flag: String { "--\(name)" }

    /// The variable that stands for the option when the command line does not name it.
    var environmentName: String {
        OptionEnvironment.prefix
            + String(name.map { $0 == "-" || $0 == "." ? "_" : $0 }).uppercased()
    }

    /// Further names, those that Prometheus exporters use.
    var aliases: [String] {
        switch self {
        case .metrics: ["web.listen-address"]
        case .metricsPath: ["web.telemetry-path"]
        default: []
        }
    }

    /// What the option is when nobody gives it, as the help writes it.
    var defaultText: String {
        switch self {
        case .threads: "the CPUs allowed"
        case .spillDirectory: "TMPDIR, else /tmp"
        default: setting.write(ProxySettings())
        }
    }
}
