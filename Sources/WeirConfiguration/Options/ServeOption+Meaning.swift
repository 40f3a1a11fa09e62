// SPDX-License-Identifier: Apache-2.0

extension ServeOption {
    /// What the option does, one sentence for the help.
    var meaning: String {
        switch self {
        case .listen: "Where clients connect; repeat it, or separate by commas, for several."
        case .upstream: "Where gunicorn listens; a unix socket costs half of TCP."
        case .metrics: "Where metrics and health are asked for."
        case .metricsPath: "The path of the metrics there."
        case .metricsPrefix: "The prefix of the compatible metrics, as in flask_requests."
        case .trustProxies:
            "Peers whose X-Forwarded-*, Forwarded, X-Request-ID and PROXY headers are believed: "
                + "networks, addresses, loopback, unix, or none; replaces the default."
        case .proxyProtocol:
            "Whether each client connection begins with a PROXY header (accept), each connection "
                + "to upstream (send), both or none."
        case .gzip:
            "How hard text is compressed for clients that accept it, from 1, the fastest, to 9, or "
                + "off."
        case .slots:
            "Requests in gunicorn at a time, over all threads, or unlimited; the others queue. "
                + "With auto: its workers, followed once a second, times --worker-threads."
        case .workerThreads:
            "Requests that a worker of gunicorn works on at a time, its --threads, for --slots auto."
        case .queueLimit: "Requests that may wait for a slot; beyond: 503."
        case .queueTimeout: "How long a request may wait for a slot; then 503."
        case .upstreamWait:
            "How long a request is held while upstream refuses connections; then 502."
        case .requestBuffer:
            "Memory for the body of one request, which is collected before upstream is bothered; "
                + "beyond, it is spilled to a file; 0 streams all requests."
        case .responseBuffer:
            "Memory for what a client has not taken of one response; beyond, it is spilled to a "
                + "file; 0 lets upstream wait for the client."
        case .bufferMemory:
            "Memory for all bodies together, over all threads; beyond, they are spilled."
        case .spillLimit:
            "Files for all bodies together; beyond, the slower side sets the pace; 0 makes none."
        case .spillDirectory: "Where the files are made, without a name."
        case .connectTimeout: "From the first attempt to a connection with upstream; then 504."
        case .responseTimeout: "Silence of upstream while weir waits for it; then 504."
        case .upstreamIdleTimeout: "An upstream connection without a request; then it is closed."
        case .headerTimeout: "From the first byte of a request to the end of its head; then 408."
        case .bodyTimeout: "Between two reads of a request body; then 408."
        case .idleTimeout: "A client connection without a request; then it is closed."
        case .sendTimeout: "A client that takes none of the response; then it is closed."
        case .tunnelTimeout:
            "Silence of both sides after a switch of protocols (WebSocket); then it is closed."
        case .maxHeaderBytes: "Bytes of a request head, start line included; beyond: 431."
        case .maxHeaders: "Fields of a request head; beyond: 431."
        case .maxTarget: "Bytes of a request target; beyond: 414."
        case .maxBody: "Bytes of a request body, or none for no limit; beyond: 413."
        case .maxConnections:
            "Client connections at a time, or auto to derive it from RLIMIT_NOFILE; "
                + "beyond: weir stops accepting."
        case .threads: "Event loops, one thread each."
        case .shutdownDelay: "How long weir goes on accepting after TERM, not ready any more."
        case .drainTimeout: "How long requests in flight may take to finish after that."
        case .logLevel: "The least important diagnostic on stderr: error, warning, info or debug."
        }
    }
}
