// SPDX-License-Identifier: Apache-2.0

import Testing
import WeirHTTP
import WeirIO

@testable import WeirProxy

@Suite("Gateway error") struct GatewayErrorTests {
    @Test(
        "names what a failed connect means",
        arguments: [
            (.connectionRefused, .upstreamRefused), (.noSuchFile, .upstreamRefused),
            (.timedOut, .connectTimeout), (ErrorCode(113), .upstreamUnreachable),
        ] as [(ErrorCode, GatewayError)]
    )
    func namesConnectFailures(code: ErrorCode, error: GatewayError) {
        #expect(GatewayError(connecting: code) == error)
    }

    @Test("names a broken response head after upstream, never after the client")
    func namesResponseFailures() {
        for error in HeadError.allCases {
            let failure = GatewayError(response: error)
            #expect(failure == (error.status == 431 ? .responseHeadTooLarge : .badResponse))
            #expect(failure.status == 502)
        }
    }

    @Test(
        "becomes the status of RFC 9110 §15",
        arguments: [
            (.upstreamRefused, 502), (.upstreamUnreachable, 502), (.connectTimeout, 504),
            (.upstreamClosed, 502), (.upstreamReset, 502), (.responseTimeout, 504),
            (.badResponse, 502), (.responseHeadTooLarge, 502), (.responseTruncated, 502),
            (.headerTimeout, 408), (.bodyTimeout, 408), (.sendTimeout, 408),
            (.bodyTooLarge, 413), (.outOfBuffers, 503), (.draining, 503),
        ] as [(GatewayError, UInt16)]
    )
    func hasStatus(error: GatewayError, status: UInt16) {
        #expect(error.status == status)
    }

    @Test("has one word that no other has, and one sentence")
    func isComplete() {
        for error in GatewayError.allCases {
            #expect(error.reason.allSatisfy { $0.isLowercase || $0 == "_" })
            #expect(error.explanation.first?.isLowercase == true)
        }
        #expect(Set(GatewayError.allCases.map(\.reason)).count == GatewayError.allCases.count)
    }
}
