// SPDX-License-Identifier: Apache-2.0

import WeirHTTP
import WeirHTTP2
import WeirMetrics

/// What all event loops counted, added up.
struct MetricsSnapshot: Sendable {
    /// Responses by ``StatusCell``.
    let responses: [UInt64]
    /// How long the application had requests.
    let applicationDurations: SummarySnapshot
    /// How long requests took in all; the overflow is among them.
    let requestDurations: [RequestSeries: HistogramSnapshot]
    /// Requests under way, by method.
    let activeRequests: [LabelledLevel]

    let queueDurations: HistogramSnapshot
    let slotsBusy: Int64
    let slotsBusyNanoseconds: UInt64

    let upstreamConnectDurations: HistogramSnapshot
    let upstreamResponseStarts: HistogramSnapshot
    let upstreamDurations: HistogramSnapshot
    let upstreamConnections: [LabelledLevel]
    let upstreamRetries: [LabelledCount]

    let gatewayErrors: [LabelledCount]
    let clientAborts: [LabelledCount]

    let connections: [LabelledLevel]
    let connectionsOpened: [LabelledCount]
    let http2Errors: [LabelledCount]
    let acceptErrors: UInt64
    let bytesReceived: UInt64
    let bytesTransmitted: UInt64
    let bufferBytes: Int64
    let spillBytes: Int64
    let spillFiles: Int64
    let spillFailures: [LabelledCount]
    let compressedResponses: UInt64
    let compressionsRefused: UInt64
    let bytesToCompress: UInt64
    let bytesCompressed: UInt64
    let tunnels: Int64
    let tunnelBytesReceived: UInt64
    let tunnelBytesTransmitted: UInt64
    let seriesDropped: UInt64

    /// How many events a closed label has seen under one of its values.
    typealias LabelledCount = (labelValue: String, count: UInt64)
    /// How many things there are under one value of a closed label.
    typealias LabelledLevel = (labelValue: String, level: Int64)

    /// Reads `loops` at the time `now`, on the clock that they were made with.
    init(of loops: [LoopMetrics], now: UInt64) {
        responses = (0..<StatusCell.count).map { cell in
            loops.sum { $0.responses[cell].value }
        }
        applicationDurations = loops.reduce(into: SummarySnapshot()) { snapshot, loop in
            snapshot.add(loop.applicationDurations, now: now)
        }
        requestDurations = loops.requestDurations
        activeRequests = loops.levels { $0.activeRequests.level(of: $1 as Method) }

        queueDurations = loops.histogram { $0.add($1.queueDurations) }
        slotsBusy = loops.reduce(0) { $0 &+ $1.slotsBusy.value }
        slotsBusyNanoseconds = loops.sum { $0.slotsBusyNanoseconds.value }

        upstreamConnectDurations = loops.histogram { $0.add($1.upstreamConnectDurations) }
        upstreamResponseStarts = loops.histogram { $0.add($1.upstreamResponseStarts) }
        upstreamDurations = loops.histogram { $0.add($1.upstreamDurations) }
        upstreamConnections = loops.levels {
            $0.upstreamConnections.level(of: $1 as UpstreamConnectionState)
        }
        upstreamRetries = loops.counts { $0.upstreamRetries.count(of: $1 as RetryReason) }

        gatewayErrors = MetricsSnapshot.merged([
            loops.counts { $0.gatewayErrors.count(of: $1 as GatewayError) },
            loops.counts { $0.headErrors.count(of: $1 as HeadError) },
            loops.counts { $0.bodyErrors.count(of: $1 as BodyError) },
        ])
        clientAborts = loops.counts { $0.clientAborts.count(of: $1 as ClientAbortStage) }

        connections = loops.levels { $0.connections.level(of: $1 as ConnectionProtocol) }
        connectionsOpened = loops.counts {
            $0.connectionsOpened.count(of: $1 as ConnectionProtocol)
        }
        http2Errors = loops.counts { $0.http2Errors.count(of: $1 as HTTP2Error) }
        acceptErrors = loops.sum { $0.acceptErrors.value }
        bytesReceived = loops.sum { $0.bytesReceived.value }
        bytesTransmitted = loops.sum { $0.bytesTransmitted.value }
        bufferBytes = loops.reduce(0) { $0 &+ $1.bufferBytes.value }
        spillBytes = loops.reduce(0) { $0 &+ $1.spillBytes.value }
        spillFiles = loops.reduce(0) { $0 &+ $1.spillFiles.value }
        spillFailures = loops.counts { $0.spillFailures.count(of: $1 as SpillFailure) }
        compressedResponses = loops.sum { $0.compressedResponses.value }
        compressionsRefused = loops.sum { $0.compressionsRefused.value }
        bytesToCompress = loops.sum { $0.bytesToCompress.value }
        bytesCompressed = loops.sum { $0.bytesCompressed.value }
        tunnels = loops.reduce(0) { $0 &+ $1.tunnels.value }
        tunnelBytesReceived = loops.sum { $0.tunnelBytesReceived.value }
        tunnelBytesTransmitted = loops.sum { $0.tunnelBytesTransmitted.value }
        seriesDropped = loops.sum { $0.requestDurations.droppedSeries }
    }

    /// One count a word, in order of appearance: several failures may share a reason.
    private static func merged(_ sets: [[LabelledCount]]) -> [LabelledCount] {
        var merged: [LabelledCount] = []
        for (labelValue, count) in sets.joined() {
            if let place = merged.firstIndex(where: { $0.labelValue == labelValue }) {
                merged[place].count &+= count
            } else {
                merged.append((labelValue, count))
            }
        }
        return merged
    }
}

extension [LoopMetrics] {
    fileprivate func sum(_ count: (LoopMetrics) -> UInt64) -> UInt64 {
        reduce(0) { $0 &+ count($1) }
    }

    fileprivate func counts<Value: LabelValue>(
        _ count: (LoopMetrics, Value) -> UInt64
    ) -> [MetricsSnapshot.LabelledCount] {
        Value.allCases.map { value in
            (value.labelValue, sum { count($0, value) })
        }
    }

    fileprivate func levels<Value: LabelValue>(
        _ level: (LoopMetrics, Value) -> Int64
    ) -> [MetricsSnapshot.LabelledLevel] {
        Value.allCases.map { value in
            (value.labelValue, reduce(0) { $0 &+ level($1, value) })
        }
    }

    fileprivate func histogram(
        _ add: (inout HistogramSnapshot, LoopMetrics) -> Void
    ) -> HistogramSnapshot {
        reduce(into: HistogramSnapshot(within: .standard()), add)
    }

    fileprivate var requestDurations: [RequestSeries: HistogramSnapshot] {
        // The usual series are there before their first request, so that their rate has a start.
        var snapshots: [RequestSeries: HistogramSnapshot] = [:]
        for status in ProxyMetrics.initialStatuses {
            let series = RequestSeries(method: .get, statusCell: StatusCell.index(of: status))
            snapshots[series] = HistogramSnapshot(within: .standard())
        }
        for loop in self {
            loop.requestDurations.add(to: &snapshots, within: loop.bounds)
        }
        return snapshots
    }
}
