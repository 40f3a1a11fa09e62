// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import WeirHTTP

@Suite("Address text")
struct AddressTextTests {
    @Test("holds up to 46 bytes inline", arguments: ["", "1.2.3.4", "2001:db8::ff00:42:8329"])
    func holds(text: String) {
        let address = AddressText(text)
        #expect(address.count == text.utf8.count)
        #expect(address.isEmpty == text.isEmpty)
        #expect(written(capacity: 46) { address.write(into: &$0) } == text)
        #expect(AddressText(String(repeating: "x", count: 60)).count == 46)
        #expect(MemoryLayout<AddressText>.size == 48)
    }
}
