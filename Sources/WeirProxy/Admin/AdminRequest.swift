// SPDX-License-Identifier: Apache-2.0

internal import WeirHTTP

/// What somebody asks of the admin listener.
struct AdminRequest: Equatable, Sendable {
    /// The pages there are.
    enum Page: Equatable, Sendable {
        case metrics
        /// Whether the loops turn.
        case healthy
        /// Whether traffic should be sent here.
        case ready
        case unknown
    }

    let page: Page
    let method: Method
    let version: HTTPVersion
    let fate: ConnectionFate
    /// Whether a page may come in gzip.
    let acceptsGzip: Bool

    /// Reads what a parsed head asks for.
    ///
    /// - Parameters:
    ///   - head: the head.
    ///   - bytes: what it was parsed from.
    ///   - target: its request target; a query is ignored.
    ///   - metricsPath: where the metrics are.
    init(
        head: borrowing RequestHead,
        _ bytes: RawSpan,
        target: String,
        metricsPath: String
    ) {
        acceptsGzip = head.acceptsGzip(bytes)
        method = head.method
        version = head.version
        // A body is not read, so nothing that follows it can be either.
        fate = head.framing == .none || head.framing == .counted(0) ? head.persistence : .close
        let path = target.prefix { $0 != "?" }
        page =
            switch path {
            case metricsPath[...]: .metrics
            case "/-/healthy": .healthy
            case "/-/ready": .ready
            default: .unknown
            }
    }

    /// What stands for a request that cannot be read.
    static let refused = AdminRequest(
        page: .unknown,
        method: .other,
        version: .http11,
        fate: .close
    )

    private init(page: Page, method: Method, version: HTTPVersion, fate: ConnectionFate) {
        acceptsGzip = false
        self.page = page
        self.method = method
        self.version = version
        self.fate = fate
    }

    /// Whether the answer tells how upstream is.
    var asksForUpstream: Bool {
        (page == .metrics || page == .ready) && (method == .get || method == .head)
    }
}
