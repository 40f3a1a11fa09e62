// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import WeirProxy

@Suite("Descriptor shares") struct DescriptorSharesTests {
    @Test(
        "leave two descriptors for each connection, and one for each file",
        arguments: [
            // descriptors, limit, connections, files
            (1_024, nil, 128, 256), (4_096, nil, 1_280, 1_024), (20_000, nil, 9_232, 1_024),
            (1_048_576, nil, 262_144, 1_024), (20_000, 100, 100, 1_024),
            (20_000, 9_233, 9_232, 1_024), (64, nil, 4, 16), (8, nil, 4, 4),
        ] as [(Int, Int?, Int, Int)]
    )
    func shares(descriptors: Int, limit: Int?, connections: Int, files: Int) {
        let shares = DescriptorShares(descriptors: descriptors, threads: 4, connectionLimit: limit)
        #expect(shares.connections == connections)
        #expect(shares.spillFiles == files)
    }
}
