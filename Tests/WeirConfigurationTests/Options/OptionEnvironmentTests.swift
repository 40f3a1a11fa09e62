// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import WeirConfiguration

@Suite("Option environment") struct OptionEnvironmentTests {
    @Test(
        "ignores what Kubernetes sets for a Service called weir",
        arguments: [
            ("WEIR_SERVICE_HOST", "10.96.0.7"),
            ("WEIR_SERVICE_PORT", "8000"),
            ("WEIR_SERVICE_PORT_HTTP", "8000"),
            ("WEIR_SERVICE_PORT_WEB_METRICS", "9102"),
            ("WEIR_PORT", "tcp://10.96.0.7:8000"),
            ("WEIR_PORT_8000_TCP", "tcp://10.96.0.7:8000"),
            ("WEIR_PORT_8000_TCP_PROTO", "tcp"),
            ("WEIR_PORT_8000_TCP_PORT", "8000"),
            ("WEIR_PORT_8000_TCP_ADDR", "10.96.0.7"),
            ("WEIR_PORT_9125_UDP", "udp://10.96.0.7:9125"),
            ("WEIR_PORT_9125_UDP_ADDR", "10.96.0.7"),
            ("WEIR_PORT_36412_SCTP", "sctp://10.96.0.7:36412"),
            ("WEIR_METRICS_SERVICE_HOST", "10.96.0.8"),
            ("WEIR_METRICS_PORT", "tcp://10.96.0.8:9102"),
            ("WEIR_METRICS_PORT_9102_TCP", "tcp://10.96.0.8:9102"),
        ]
    )
    func service(_ name: String, _ value: String) throws {
        let environment = [name: value]
        #expect(OptionEnvironment(environment).warnings.isEmpty)
        #expect(try settings(environment: environment) == settings(environment: [:]))
    }

    @Test(
        "warns of what looks like an option and is none",
        arguments: [
            ("WEIR_THREAD", "4"),
            ("WEIR_PORT", "8000"),
            ("WEIR_WEB_LISTEN_ADDRESS", ":9102"),
            ("WEIR_PORT_8000", "tcp"),
            ("WEIR_PORT_HTTP_TCP", "8000"),
            ("WEIR_8000_TCP", "8000"),
            ("WEIR_ADDR", "10.96.0.7"),
            ("WEIR_", "1"),
        ]
    )
    func unknown(_ name: String, _ value: String) {
        #expect(
            OptionEnvironment([name: value]).warnings
                == ["\(name) is set, but weir has no such option; it is ignored"]
        )
    }

    @Test("says nothing about variables of others, of options, and empty ones")
    func quiet() {
        let environment = [
            "PATH": "/bin", "WEIRD": "1", "weir_threads": "1", "WEIR_THREADS": "1", "WEIR_OLD": "",
        ]
        #expect(OptionEnvironment(environment).warnings.isEmpty)
    }

    @Test("warns in order of the names, each on one line")
    func order() {
        #expect(
            OptionEnvironment(["WEIR_B": "1", "WEIR_A\n": "1"]).warnings == [
                #"WEIR_A\n is set, but weir has no such option; it is ignored"#,
                "WEIR_B is set, but weir has no such option; it is ignored",
            ]
        )
    }
}
