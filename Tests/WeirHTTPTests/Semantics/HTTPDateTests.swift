// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import WeirHTTP

@Suite("HTTP date (RFC 9110 §5.6.7)")
struct HTTPDateTests {
    @Test(
        "is IMF-fixdate",
        arguments: [
            (Int64(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT"),
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (-5, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (951_782_399, "Mon, 28 Feb 2000 23:59:59 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (951_868_800, "Wed, 01 Mar 2000 00:00:00 GMT"),
            (1_709_164_800, "Thu, 29 Feb 2024 00:00:00 GMT"),
            (1_735_689_599, "Tue, 31 Dec 2024 23:59:59 GMT"),
            (1_735_689_600, "Wed, 01 Jan 2025 00:00:00 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
            (253_402_300_799, "Fri, 31 Dec 9999 23:59:59 GMT"),
            (.max, "Fri, 31 Dec 9999 23:59:59 GMT"),
        ]
    )
    func isFixdate(seconds: Int64, text: String) {
        let date = HTTPDate(unixSeconds: seconds)
        #expect(written(capacity: HTTPDate.byteCount) { date.write(into: &$0) } == text)
        #expect(date == HTTPDate(unixSeconds: seconds))
        #expect(date != HTTPDate(unixSeconds: 1))
    }
}
