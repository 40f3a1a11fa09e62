// SPDX-License-Identifier: Apache-2.0

import WeirHTTP
import WeirHTTP2
import WeirMetrics

/// What one event loop counts.
///
/// Every verb is for the loop's own thread and touches nothing but cells that lie in the object
/// itself: no lock, no allocation, no reference counting. Any thread may read meanwhile.
final class LoopMetrics: Sendable {
    let bounds = HistogramBounds.standard()

    let activeRequests = LabelledGauges<Method>()
    let responses: [501 of Counter] = InlineArray { _ in Counter() }
    let requestDurations = RequestDurations()
    let applicationDurations: SlidingQuantiles

    let queueDurations = DurationHistogram()
    let slotsBusy = Gauge()
    let slotsBusyNanoseconds = Counter()

    let upstreamConnectDurations = DurationHistogram()
    let upstreamResponseStarts = DurationHistogram()
    let upstreamDurations = DurationHistogram()
    let upstreamConnections = LabelledGauges<UpstreamConnectionState>()
    let upstreamRetries = LabelledCounters<RetryReason>()

    let gatewayErrors = LabelledCounters<GatewayError>()
    let headErrors = LabelledCounters<HeadError>()
    let bodyErrors = LabelledCounters<BodyError>()
    let clientAborts = LabelledCounters<ClientAbortStage>()

    let connections = LabelledGauges<ConnectionProtocol>()
    let connectionsOpened = LabelledCounters<ConnectionProtocol>()
    let http2Errors = LabelledCounters<HTTP2Error>()
    let acceptErrors = Counter()
    let bytesReceived = Counter()
    let bytesTransmitted = Counter()
    let bufferBytes = Gauge()
    let spillBytes = Gauge()
    let spillFiles = Gauge()
    let spillFailures = LabelledCounters<SpillFailure>()
    let compressedResponses = Counter()
    let compressionsRefused = Counter()
    let bytesToCompress = Counter()
    let bytesCompressed = Counter()
    let tunnels = Gauge()
    let tunnelBytesReceived = Counter()
    let tunnelBytesTransmitted = Counter()

    /// Everything at zero, at the time `now`, in nanoseconds of a clock that does not go back.
    init(now: UInt64) {
        applicationDurations = SlidingQuantiles(now: now)
    }
}

extension LoopMetrics {
    /// A request has begun to arrive, as far as its method is known.
    ///
    /// Each start is followed by one ``requestFinished(_:)``, also that of a request whose head is
    /// refused, or whose client leaves.
    func requestStarted(_ method: Method) {
        activeRequests.increment(method)
    }

    /// A request has had its response, whoever gave it.
    func requestFinished(_ exchange: FinishedExchange) {
        let statusCell = StatusCell.index(of: exchange.status)
        activeRequests.decrement(exchange.method)
        responses[statusCell].increment()
        requestDurations.observe(
            exchange.totalNanoseconds,
            in: RequestSeries(method: exchange.method, statusCell: statusCell),
            within: bounds
        )
        if case .measured(let nanoseconds) = exchange.applicationTime {
            applicationDurations.observe(nanoseconds, now: exchange.now)
        }
    }

    /// A request has ended in a switch of protocols: it is counted, but how long a tunnel stands
    /// says nothing about how fast requests are.
    func requestTunnelled(_ method: Method) {
        activeRequests.decrement(method)
        responses[StatusCell.index(of: 101)].increment()
        tunnels.increment()
    }

    /// A tunnel is gone.
    func tunnelClosed() {
        tunnels.decrement()
    }

    /// Bytes were taken from a client for upstream.
    func tunnelReceived(bytes: Int) {
        tunnelBytesReceived.add(UInt64(clamping: bytes))
    }

    /// Bytes were taken from upstream for a client.
    func tunnelTransmitted(bytes: Int) {
        tunnelBytesTransmitted.add(UInt64(clamping: bytes))
    }

    /// A failure was answered or has cut an exchange off.
    func failed(_ error: GatewayError) {
        gatewayErrors.increment(error)
    }

    /// A request was refused because of its head.
    func failed(_ error: HeadError) {
        headErrors.increment(error)
    }

    /// A request was refused because of its body.
    func failed(_ error: BodyError) {
        bodyErrors.increment(error)
    }

    /// A client hung up before its request was through.
    func clientAborted(_ stage: ClientAbortStage) {
        clientAborts.increment(stage)
    }
}

extension LoopMetrics {
    /// A request has got its slot, after so many nanoseconds (t2−t1).
    func dequeued(nanoseconds: UInt64) {
        queueDurations.observe(nanoseconds, within: bounds)
    }

    /// A request goes to upstream.
    func slotTaken() {
        slotsBusy.increment()
    }

    /// A request has left upstream, after so many nanoseconds.
    func slotLeft(nanoseconds: UInt64) {
        slotsBusy.decrement()
        slotsBusyNanoseconds.add(nanoseconds)
    }
}

extension LoopMetrics {
    /// A client's connection was accepted.
    func connectionOpened() {
        connections.increment(.http1)
    }

    /// A client's connection has shown what it speaks, or was closed before it did.
    func connectionSpoke(_ spoken: ConnectionProtocol) {
        connectionsOpened.increment(spoken)
        guard spoken == .http2 else { return }
        connections.decrement(.http1)
        connections.increment(.http2)
    }

    /// A client's connection is gone.
    func connectionClosed(_ spoken: ConnectionProtocol) {
        connections.decrement(spoken)
    }

    /// Something of HTTP/2 was refused.
    func failed(_ error: HTTP2Error) {
        http2Errors.increment(error)
    }

    /// The kernel would not hand over a client's connection.
    func acceptFailed() {
        acceptErrors.increment()
    }

    /// So many bytes of buffers are in use.
    func buffersInUse(bytes: Int) {
        bufferBytes.set(Int64(bytes))
    }

    /// A file was made for a body that memory has no room for.
    func spillOpened() {
        spillFiles.increment()
    }

    /// Bytes of a body were written to a file.
    func spilled(bytes: Int) {
        spillBytes.set(spillBytes.value &+ Int64(bytes))
    }

    /// A file is gone, with so many bytes.
    func spillClosed(bytes: Int) {
        spillFiles.decrement()
        spillBytes.set(spillBytes.value &- Int64(bytes))
    }

    /// A body could not be put into a file: it passes as fast as it is taken.
    func spillFailed(_ failure: SpillFailure) {
        spillFailures.increment(failure)
    }

    /// A response goes on in gzip.
    func compressionStarted() {
        compressedResponses.increment()
    }

    /// A response goes on as it came, because too many are being compressed.
    func compressionRefused() {
        compressionsRefused.increment()
    }

    /// Bytes of a body were compressed, to so many.
    func compressed(bytes: Int, to compressedBytes: Int) {
        bytesToCompress.add(UInt64(clamping: bytes))
        bytesCompressed.add(UInt64(clamping: compressedBytes))
    }

    /// Bytes came from a client.
    func received(bytes: Int) {
        bytesReceived.add(UInt64(clamping: bytes))
    }

    /// Bytes were taken by a client's socket.
    func transmitted(bytes: Int) {
        bytesTransmitted.add(UInt64(clamping: bytes))
    }
}

extension LoopMetrics {
    /// A connection to upstream was established, after so many nanoseconds (t3−t2).
    func upstreamConnected(nanoseconds: UInt64) {
        upstreamConnectDurations.observe(nanoseconds, within: bounds)
    }

    /// Upstream has sent a whole response: its first byte came after `responseStartNanoseconds`
    /// (t4−t2), its last after `serviceNanoseconds` (t5−t2).
    func upstreamAnswered(responseStartNanoseconds: UInt64, serviceNanoseconds: UInt64) {
        upstreamResponseStarts.observe(responseStartNanoseconds, within: bounds)
        upstreamDurations.observe(serviceNanoseconds, within: bounds)
    }

    /// A request goes to upstream once more.
    func upstreamRetried(_ reason: RetryReason) {
        upstreamRetries.increment(reason)
    }

    /// There is one more connection to upstream.
    func upstreamConnectionOpened(in state: UpstreamConnectionState) {
        upstreamConnections.increment(state)
    }

    /// A connection to upstream does something else now.
    func upstreamConnectionMoved(
        from state: UpstreamConnectionState,
        to nextState: UpstreamConnectionState
    ) {
        upstreamConnections.decrement(state)
        upstreamConnections.increment(nextState)
    }

    /// There is one connection to upstream less.
    func upstreamConnectionClosed(in state: UpstreamConnectionState) {
        upstreamConnections.decrement(state)
    }
}
