// SPDX-License-Identifier: Apache-2.0

import Testing
import WeirProxy

@testable import WeirConfiguration

@Suite("Value formats") struct ValueFormatTests {
    @Test(
        "read a duration as exact milliseconds",
        arguments: [
            ("1ms", 1), ("500ms", 500), ("1500.0ms", 1500), ("30s", 30_000), ("30", 30_000),
            ("0.5", 500), ("1.5s", 1500), ("0.001s", 1), ("1m", 60_000), ("1.5m", 90_000),
            ("0.25h", 900_000), ("1h", 3_600_000), ("24h", 86_400_000), ("86400", 86_400_000),
            ("007s", 7000), ("1.50000s", 1500),
        ]
    )
    func duration(_ text: String, _ milliseconds: Int) throws {
        #expect(
            try settings(reading: text, for: .idleTimeout).timeouts.idle
                == .milliseconds(milliseconds)
        )
    }

    @Test(
        "refuse what is no duration, or out of bounds",
        arguments: [
            "0", "0s", "0ms", "0.9ms", "1.5ms", "0.0005s", "24.001h", "86401", "25h", "-1", "-1s",
            "+1s",
            "s", ".5s", "1.s", "1..5s", "1,5s", "1 s", " 1s", "1s ", "1S", "1M", "1d", "1sec",
            "1h30m",
            "1e3", "0x10", "inf", "٣s", "99999999999999999999", "99999999999999999999h",
            "1.0000000000s", "5124095576030431h", "off", "none", "~",
        ]
    )
    func noDuration(_ text: String) {
        #expect(
            allowed(insteadOf: text, for: .idleTimeout)
                == "a duration from 1ms to 24h, such as 500ms, 30s, 1.5m or 1h"
        )
    }

    @Test("take no delay at all", arguments: ["0", "0s", "0ms", "0.0h"])
    func noDelay(_ text: String) throws {
        #expect(try settings(reading: text, for: .shutdownDelay).shutdownDelay == .zero)
        #expect(try settings(reading: text, for: .drainTimeout).drainTimeout == .zero)
    }

    @Test(
        "read a size as exact bytes",
        arguments: [
            ("1", 1), ("1000", 1000), ("1k", 1024), ("32K", 32_768), ("1.5k", 1536),
            ("10m", 10_485_760),
            ("1M", 1_048_576), ("1g", 1_073_741_824), ("0.5G", 536_870_912),
            ("1048576g", 1_125_899_906_842_624), ("1125899906842624", 1_125_899_906_842_624),
        ] as [(String, UInt64)]
    )
    func size(_ text: String, _ bytes: UInt64) throws {
        #expect(try settings(reading: text, for: .maxBody).limits.bodyBytes == bytes)
    }

    @Test(
        "refuse what is no size, or out of bounds",
        arguments: [
            "0", "0k", "0.5", "1.3k", "1048577g", "1125899906842625", "-1", "+1", "k", "1kb", "1ki",
            "1KiB",
            "1 k", "1t", "1e6", "0x10", "unlimited", "None", "18446744073709551616", "17179869184g",
            "99999999999999999999g", "~",
        ]
    )
    func noSize(_ text: String) {
        #expect(
            allowed(insteadOf: text, for: .maxBody)
                == "a size from 1 to 1048576g bytes, such as 1000, 16k, 1.5m or 1g, or none"
        )
    }

    @Test(
        "read where the number of slots comes from",
        arguments: [
            ("unlimited", .unlimited), ("auto", .auto), ("1", .fixed(1)),
            ("100000", .fixed(100_000)),
        ] as [(String, SlotPolicy)]
    )
    func slots(_ text: String, _ policy: SlotPolicy) throws {
        #expect(try settings(reading: text, for: .slots).slots == policy)
    }

    @Test(
        "refuse what says nothing of slots",
        arguments: ["0", "100001", "-1", "Auto", "none", "auto,2", "", " 1", "~"]
    )
    func noSlots(_ text: String) {
        #expect(
            allowed(insteadOf: text, for: .slots)
                == "a whole number from 1 to 100000, auto or unlimited"
        )
    }

    @Test("take a word for no limit")
    func words() throws {
        let environment = ["WEIR_MAX_BODY": "1m", "WEIR_MAX_CONNECTIONS": "7"]
        let limits = try settings(
            ["--max-body", "none", "--max-connections", "auto"],
            environment: environment
        ).limits
        #expect(limits.bodyBytes == nil)
        #expect(limits.connections == nil)
    }

    @Test(
        "keep to the bounds on either side",
        arguments: [
            (.threads, inside: ["1", "256"], outside: ["0", "257"]),
            (.maxHeaders, inside: ["1", "256"], outside: ["0", "257"]),
            (.maxHeaderBytes, inside: ["256", "65535"], outside: ["255", "65536", "64k"]),
            (.maxTarget, inside: ["1", "65535"], outside: ["0", "65536"]),
            (.maxConnections, inside: ["1", "10000000"], outside: ["0", "10000001"]),
        ] as [(ServeOption, inside: [String], outside: [String])]
    )
    func bounds(_ option: ServeOption, inside: [String], outside: [String]) {
        for text in inside {
            #expect(allowed(insteadOf: text, for: option) == nil)
        }
        for text in outside {
            #expect(allowed(insteadOf: text, for: option) != nil)
        }
    }

    @Test(
        "refuse what is no whole number",
        arguments: [
            "0", "257", "-1", "+4", "4.0", "1e1", "0x4", "four", "auto", " 4", "4 ", "٤", "~",
        ]
    )
    func noNumber(_ text: String) {
        #expect(
            allowed(insteadOf: text, for: .threads)
                == "a whole number from 1 to 256"
        )
    }

    @Test("take the names of the log levels", arguments: LogLevel.allCases)
    func logLevel(_ level: LogLevel) throws {
        #expect(try settings(reading: level.rawValue, for: .logLevel).logLevel == level)
    }

    @Test("refuse other log levels", arguments: ["warn", "INFO", "trace", "2", "~"])
    func noLogLevel(_ text: String) {
        #expect(
            allowed(insteadOf: text, for: .logLevel)
                == "one of error, warning, info, debug"
        )
    }

    @Test(
        "take a metrics path",
        arguments: ["/m", "/metrics/", "/a-b/c_d", "/-metrics", "/%2F~:@!$&"]
    )
    func path(_ text: String) throws {
        #expect(try settings(reading: text, for: .metricsPath).metricsPath == text)
    }

    @Test(
        "refuse a metrics path",
        arguments: [
            "/", "metrics", "/-", "/-/ready", "/m?x=1", "/m#x", "/a b", "/ä", "/a\u{0}", "/a\u{7F}",
            "*",
            "/" + String(repeating: "m", count: 255),
        ]
    )
    func noPath(_ text: String) {
        #expect(
            allowed(insteadOf: text, for: .metricsPath)
                == "a path such as /metrics, without query, not / and not under /-/, "
                + "up to 255 visible ASCII characters"
        )
    }

    @Test(
        "take a metrics prefix",
        arguments: ["f", "_", "django_app", "A1", String(repeating: "m", count: 64)]
    )
    func prefix(_ text: String) throws {
        #expect(try settings(reading: text, for: .metricsPrefix).metricsPrefix == text)
    }

    @Test(
        "refuse a metrics prefix",
        arguments: ["1a", "a-b", "a:b", "a b", "ä", "a.b", String(repeating: "m", count: 65)]
    )
    func noPrefix(_ text: String) {
        #expect(
            allowed(insteadOf: text, for: .metricsPrefix)
                == "a name of letters, digits and _ that does not begin with a digit, "
                + "up to 64 characters"
        )
    }
}
