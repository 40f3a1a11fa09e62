// SPDX-License-Identifier: Apache-2.0

extension Metric {
    /// What the metric says, for the person who meets its name in Prometheus.
    var help: String {
        switch self {
        case .requests: "Requests that have had their response."
        case .responseCode: "Responses by the status sent to the client."
        case .requestDuration:
            "Time that the application had a request, in seconds, over the last 10 minutes."
        case .serverRequestDuration:
            "Time from the first byte of a request to the last of its response."
        case .serverActiveRequests: "Requests that have begun and not had their response."
        case .queueDuration:
            "Time that requests waited for a slot; none is counted without a bound."
        case .queueLength: "Requests that wait for a slot."
        case .slots: "Requests that may be in the application at a time."
        case .slotsBusy: "Requests that are in the application."
        case .slotsBusyTime: "Time that requests were in the application, added up when they leave."
        case .upstreamConnectDuration: "Time to open a connection to the application."
        case .upstreamResponseStart:
            "Time until the first byte of the application's response."
        case .upstreamDuration: "Time until the last byte of the application's response."
        case .upstreamUp: "Whether the application accepts connections, 1 or 0."
        case .upstreamConnections: "Connections to the application, by what they are doing."
        case .upstreamConnects: "Connections opened to the application."
        case .upstreamRetries: "Requests that went to the application once more, by reason."
        case .upstreamAcceptBacklog:
            "Connections that the application has not accepted yet, on its listening sockets."
        case .workers: "Worker processes of the application's server."
        case .workerResidentMemory: "Memory that a worker holds in RAM, by its place."
        case .workerCPU: "Time that a worker has spent on the processors, by its place."
        case .gatewayErrors: "Requests that weir answered or cut off itself, by reason."
        case .clientAborts: "Clients that hung up before their request was through, by stage."
        case .connections: "Connections of clients, by what they speak."
        case .connectionsOpened: "Connections accepted from clients, by what they spoke."
        case .http2Errors:
            "Streams and connections of HTTP/2 that were refused or ended, by reason."
        case .acceptErrors: "Connections of clients that the kernel did not hand over."
        case .bytes: "Bytes received from and transmitted to clients."
        case .bufferBytes: "Buffers in use, most of them for what a peer has not taken yet."
        case .spillBytes: "Bytes that files hold of bodies for which there was no memory."
        case .spillFiles: "Files that bodies were spilled to."
        case .spillFailures:
            "Bodies that could not be spilled to a file, so that the slower side set the pace."
        case .compressedResponses: "Responses that were compressed."
        case .compressionBytes: "Bytes that went into compression, and that came out of it."
        case .compressionsRefused:
            "Responses that were not compressed because too many were being compressed."
        case .tunnels: "Connections that have switched protocols, such as WebSockets."
        case .tunnelBytes: "Bytes carried from and to clients after a switch of protocols."
        case .buildInfo: "The version of weir that is running, always 1."
        case .processCPU: "Time that weir has spent on the processors, user and system."
        case .processResidentMemory: "Memory that weir holds in RAM."
        case .processVirtualMemory: "Address space that weir has mapped."
        case .processOpenDescriptors: "File descriptors that weir has open."
        case .processDescriptorLimit: "File descriptors that weir may open."
        case .processStartTime: "When weir started, since the Unix epoch."
        case .processThreads: "Threads of weir."
        case .seriesDropped: "Series that were left out or fell into a common one."
        }
    }
}
