// SPDX-License-Identifier: Apache-2.0

import Testing
import WeirHTTP

@testable import WeirProxy

@Suite("Closed labels")
struct LabelValueTests {
    private func rawValues<Value: LabelValue>(_ type: Value.Type) -> [UInt8] {
        type.allCases.map(\.rawValue)
    }

    @Test("number their values from zero without a gap, and fit the cells")
    func fitsTheCells() {
        let counted = [
            rawValues(GatewayError.self), rawValues(HeadError.self), rawValues(BodyError.self),
            rawValues(RetryReason.self), rawValues(ClientAbortStage.self),
        ]
        let measured = [rawValues(Method.self), rawValues(UpstreamConnectionState.self)]
        for values in counted + measured {
            #expect(values == Array(0..<UInt8(values.count)))
        }
        #expect(counted.allSatisfy { $0.count <= LabelledCounters<RetryReason>.valueCountMax })
        #expect(measured.allSatisfy { $0.count <= LabelledGauges<Method>.valueCountMax })
    }

    @Test("are words of lower-case letters and underscores")
    func areWords() {
        let words =
            labelValues(GatewayError.self) + labelValues(HeadError.self)
            + labelValues(BodyError.self) + labelValues(RetryReason.self)
            + labelValues(ClientAbortStage.self) + labelValues(UpstreamConnectionState.self)
        for word in words {
            #expect(!word.isEmpty)
            #expect(word.allSatisfy { $0 == "_" || ("a"..."z").contains($0) })
        }
    }

    private func labelValues<Value: LabelValue>(_ type: Value.Type) -> [String] {
        type.allCases.map(\.labelValue)
    }
}
