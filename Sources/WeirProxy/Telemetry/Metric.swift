// SPDX-License-Identifier: Apache-2.0

import WeirMetrics

/// Every metric of weir, declared once, in the order of the page.
///
/// The raw value is the name, with the default prefix where the prefix can be chosen.
enum Metric: String, CaseIterable, Sendable {
    // What dashboards made for gunicorn's StatsD metrics expect.
    case requests = "flask_requests"
    case responseCode = "flask_response_code"
    case requestDuration = "flask_request_duration"
    // The OpenTelemetry HTTP conventions, in Prometheus' spelling.
    case serverRequestDuration = "http_server_request_duration_seconds"
    case serverActiveRequests = "http_server_active_requests"
    // Before upstream.
    case queueDuration = "weir_queue_duration_seconds"
    case queueLength = "weir_queue_length"
    case slots = "weir_slots"
    case slotsBusy = "weir_slots_busy"
    case slotsBusyTime = "weir_slots_busy_seconds_total"
    // Towards upstream.
    case upstreamConnectDuration = "weir_upstream_connect_duration_seconds"
    case upstreamResponseStart = "weir_upstream_response_start_seconds"
    case upstreamDuration = "weir_upstream_duration_seconds"
    case upstreamUp = "weir_upstream_up"
    case upstreamConnections = "weir_upstream_connections"
    case upstreamConnects = "weir_upstream_connects_total"
    case upstreamRetries = "weir_upstream_retries_total"
    // Upstream, seen from outside.
    case upstreamAcceptBacklog = "weir_upstream_accept_backlog"
    case workers = "weir_workers"
    case workerResidentMemory = "weir_worker_resident_memory_bytes"
    case workerCPU = "weir_worker_cpu_seconds_total"
    // What went wrong.
    case gatewayErrors = "weir_gateway_errors_total"
    case clientAborts = "weir_client_aborts_total"
    // Towards clients.
    case connections = "weir_connections"
    case connectionsOpened = "weir_connections_total"
    case acceptErrors = "weir_accept_errors_total"
    case http2Errors = "weir_http2_errors_total"
    case bytes = "weir_bytes_total"
    case bufferBytes = "weir_buffer_bytes"
    case spillBytes = "weir_spill_bytes"
    case spillFiles = "weir_spill_files"
    case spillFailures = "weir_spill_failures_total"
    case compressedResponses = "weir_compressed_responses_total"
    case compressionBytes = "weir_compression_bytes_total"
    case compressionsRefused = "weir_compressions_refused_total"
    case tunnels = "weir_tunnels"
    case tunnelBytes = "weir_tunnel_bytes_total"
    // The process.
    case buildInfo = "weir_build_info"
    case processCPU = "process_cpu_seconds_total"
    case processResidentMemory = "process_resident_memory_bytes"
    case processVirtualMemory = "process_virtual_memory_bytes"
    case processOpenDescriptors = "process_open_fds"
    case processDescriptorLimit = "process_max_fds"
    case processStartTime = "process_start_time_seconds"
    case processThreads = "process_threads"
    // The last, because writing the others can add to it.
    case seriesDropped = "weir_series_dropped_total"

    /// What the operator may put before the compatible families in place of `flask`.
    static var defaultPrefix: String { "flask" }

    /// The name, with `prefix` in place of the default one where there is one.
    func name(prefix: String) -> String {
        switch self {
        case .requests, .responseCode, .requestDuration:
            prefix + rawValue.dropFirst(Metric.defaultPrefix.count)
        default: rawValue
        }
    }

    /// How Prometheus should treat the numbers.
    ///
    /// The first two only grow, but a counter's name would have to end with `_total`, and
    /// dashboards know them without.
    var type: MetricType {
        switch self {
        case .requests, .responseCode: .untyped
        case .requestDuration: .summary
        case .serverRequestDuration, .queueDuration, .upstreamConnectDuration,
            .upstreamResponseStart, .upstreamDuration:
            .histogram
        case .slotsBusyTime, .upstreamConnects, .upstreamRetries, .gatewayErrors, .clientAborts,
            .connectionsOpened, .acceptErrors, .http2Errors, .bytes, .spillFailures,
            .compressedResponses, .compressionBytes, .compressionsRefused, .tunnelBytes, .workerCPU,
            .processCPU,
            .seriesDropped:
            .counter
        case .serverActiveRequests, .queueLength, .slots, .slotsBusy, .upstreamUp,
            .upstreamConnections, .upstreamAcceptBacklog, .workers, .workerResidentMemory,
            .connections, .bufferBytes, .spillBytes, .spillFiles, .tunnels, .buildInfo,
            .processResidentMemory, .processVirtualMemory, .processOpenDescriptors,
            .processDescriptorLimit, .processStartTime, .processThreads:
            .gauge
        }
    }

    /// The labels that tell the series apart, in the order in which they are written.
    var labelNames: [String] {
        switch self {
        case .responseCode: ["status"]
        case .serverRequestDuration: ["http_request_method", "http_response_status_code"]
        case .serverActiveRequests: ["http_request_method"]
        case .upstreamConnections: ["state"]
        case .upstreamRetries, .gatewayErrors, .http2Errors, .spillFailures: ["reason"]
        case .clientAborts: ["stage"]
        case .workerResidentMemory, .workerCPU: ["worker"]
        case .connections, .connectionsOpened: ["protocol"]
        case .bytes, .compressionBytes, .tunnelBytes: ["direction"]
        case .buildInfo: ["version"]
        case .requests, .requestDuration, .queueDuration, .queueLength, .slots, .slotsBusy,
            .slotsBusyTime, .upstreamConnectDuration, .upstreamResponseStart,
            .upstreamDuration, .upstreamUp, .upstreamConnects, .upstreamAcceptBacklog, .workers,
            .acceptErrors, .bufferBytes, .spillBytes, .spillFiles, .compressedResponses,
            .compressionsRefused, .tunnels, .processCPU, .processResidentMemory,
            .processVirtualMemory, .processOpenDescriptors,
            .processDescriptorLimit, .processStartTime, .processThreads, .seriesDropped:
            []
        }
    }
}
