// SPDX-License-Identifier: Apache-2.0

import WeirHTTP
import WeirMetrics

extension Metric {
    /// The series that `scrape` has of this metric, in the order of the page.
    func samples(of scrape: Scrape) -> [Sample] {
        let loops = scrape.loops
        return switch self {
        case .requests: one(.count(loops.responses.reduce(0, &+)))
        case .responseCode: responseCodes(of: loops)
        case .requestDuration:
            one(.summary(loops.applicationDurations, quantiles: [0.5, 0.9, 0.99]))
        case .serverRequestDuration: requestDurations(of: loops)
        case .serverActiveRequests: each(loops.activeRequests)
        case .queueDuration: one(.histogram(loops.queueDurations))
        case .queueLength: one(.count(UInt64(scrape.gate?.queueCount ?? 0)))
        case .slots: one((scrape.gate?.slots ?? .unlimited).value)
        case .slotsBusy:
            one(scrape.gate.map { .count(UInt64($0.insideCount)) } ?? .level(loops.slotsBusy))
        case .slotsBusyTime: one(.number(Double(loops.slotsBusyNanoseconds) / 1e9))
        case .upstreamConnectDuration: one(.histogram(loops.upstreamConnectDurations))
        case .upstreamResponseStart: one(.histogram(loops.upstreamResponseStarts))
        case .upstreamDuration: one(.histogram(loops.upstreamDurations))
        case .upstreamUp: one(.level(scrape.upstream == .up ? 1 : 0))
        case .upstreamConnections: each(loops.upstreamConnections)
        case .upstreamConnects: one(.count(loops.upstreamConnectDurations.count))
        case .upstreamRetries: each(loops.upstreamRetries)
        case .upstreamAcceptBacklog: scrape.sight.backlog.map { one(.level(Int64($0))) } ?? []
        case .workers:
            scrape.sight.workerCount > 0 ? one(.level(Int64(scrape.sight.workerCount))) : []
        case .workerResidentMemory:
            scrape.sight.places.map { sample($0.label, value: .count($0.residentBytes)) }
        case .workerCPU: scrape.sight.places.map { sample($0.label, value: .number($0.cpuSeconds)) }
        case .gatewayErrors: each(loops.gatewayErrors)
        case .clientAborts: each(loops.clientAborts)
        case .connections: each(loops.connections)
        case .connectionsOpened: each(loops.connectionsOpened)
        case .http2Errors: each(loops.http2Errors)
        case .acceptErrors: one(.count(loops.acceptErrors))
        case .bytes: each([("receive", loops.bytesReceived), ("transmit", loops.bytesTransmitted)])
        case .bufferBytes: one(.level(loops.bufferBytes))
        case .spillBytes: one(.level(loops.spillBytes))
        case .spillFiles: one(.level(loops.spillFiles))
        case .spillFailures: each(loops.spillFailures)
        case .compressedResponses: one(.count(loops.compressedResponses))
        case .compressionBytes:
            each([("in", loops.bytesToCompress), ("out", loops.bytesCompressed)])
        case .compressionsRefused: one(.count(loops.compressionsRefused))
        case .tunnels: one(.level(loops.tunnels))
        case .tunnelBytes:
            each([
                ("receive", loops.tunnelBytesReceived), ("transmit", loops.tunnelBytesTransmitted),
            ])
        case .buildInfo: each([(scrape.version, Int64(1))])
        case .processCPU: of(scrape.process) { .number($0.cpuSeconds) }
        case .processResidentMemory: of(scrape.process) { .count($0.residentBytes) }
        case .processVirtualMemory: of(scrape.process) { .count($0.virtualBytes) }
        case .processOpenDescriptors: of(scrape.process) { .count($0.openDescriptors) }
        case .processDescriptorLimit: of(scrape.process) { .count($0.descriptorLimit) }
        case .processStartTime: of(scrape.process) { .number($0.startTimeSeconds) }
        case .processThreads: of(scrape.process) { .count($0.threads) }
        case .seriesDropped: one(.count(loops.seriesDropped &+ scrape.skippedSeries))
        }
    }

    private func responseCodes(of loops: MetricsSnapshot) -> [Sample] {
        let initialCells = ProxyMetrics.initialStatuses.map(StatusCell.index(of:))
        return loops.responses.enumerated()
            .filter { cell, count in count > 0 || initialCells.contains(cell) }
            .map { cell, count in sample(StatusCell.labelValue(at: cell), value: .count(count)) }
    }

    private func requestDurations(of loops: MetricsSnapshot) -> [Sample] {
        loops.requestDurations
            .sorted { $0.key < $1.key }
            .map { series, histogram in
                sample(
                    series.method.labelValue,
                    StatusCell.labelValue(at: series.statusCell),
                    value: .histogram(histogram)
                )
            }
    }

    private func one(_ value: SampleValue) -> [Sample] {
        [sample(value: value)]
    }

    private func each(_ counts: [MetricsSnapshot.LabelledCount]) -> [Sample] {
        counts.map { sample($0.labelValue, value: .count($0.count)) }
    }

    private func each(_ levels: [MetricsSnapshot.LabelledLevel]) -> [Sample] {
        levels.map { sample($0.labelValue, value: .level($0.level)) }
    }

    private func of(
        _ process: ProcessStatistics?,
        _ value: (ProcessStatistics) -> SampleValue
    ) -> [Sample] {
        process.map { one(value($0)) } ?? []
    }

    private func sample(_ labelValues: String..., value: SampleValue) -> Sample {
        Sample(
            labels: zip(labelNames, labelValues).map { Label(name: $0, value: $1) },
            value: value
        )
    }
}

extension SlotLimit {
    fileprivate var value: SampleValue {
        switch self {
        case .unlimited: .number(.infinity)
        case .bounded(let count): .count(UInt64(count))
        }
    }
}
