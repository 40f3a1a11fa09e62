// SPDX-License-Identifier: Apache-2.0

internal import WeirProxy

extension ValueFormat<ProxyProtocolUse> {
    /// On which side connections begin with a PROXY header.
    static var proxyProtocol: Self {
        let names = ProxyProtocolUse.allCases.map(\.rawValue)
        return ValueFormat(
            valueName: "use",
            allowed: "one of \(names.joined(separator: ", "))",
            write: \.rawValue,
            match: { ProxyProtocolUse(rawValue: $0) }
        )
    }
}
