// SPDX-License-Identifier: Apache-2.0

import Testing
import WeirProxy

@testable import WeirConfiguration

@Suite("Invocation") struct InvocationTests {
    @Test("serves by default", arguments: [[], ["serve"]])
    func serve(_ arguments: [String]) throws {
        var settings = ProxySettings()
        settings.threads = 3
        let invocation = try Invocation(arguments: arguments, environment: [:], defaultThreads: 3)
        #expect(invocation.request == .serve(settings))
        #expect(invocation.warnings.isEmpty)
    }

    @Test("takes the options of serve without its name")
    func optionsAlone() throws {
        let invocation = try Invocation(
            arguments: ["--threads", "5"],
            environment: [:],
            defaultThreads: 3
        )
        guard case .serve(let settings) = invocation.request else {
            Issue.record("not a request to serve")
            return
        }
        #expect(settings.threads == 5)
    }

    @Test("brings the default of threads into bounds", arguments: [(-1, 1), (0, 1), (300, 256)])
    func defaultThreads(_ given: Int, _ threads: Int) throws {
        let invocation = try Invocation(arguments: [], environment: [:], defaultThreads: given)
        var settings = ProxySettings()
        settings.threads = threads
        #expect(invocation.request == .serve(settings))
    }

    @Test("checks: one line an option, defaults and all")
    func check() throws {
        let text = try printed(
            ["check", "--listen", ":80,unix:/a", "--idle-timeout", "1.5s"],
            environment: ["WEIR_MAX_BODY": "2048k"]
        )
        #expect(
            text == """
                listen = 0.0.0.0:80,unix:/a
                upstream = 127.0.0.1:8001
                metrics = 0.0.0.0:9102
                metrics-path = /metrics
                metrics-prefix = flask
                trust-proxies = loopback,unix
                proxy-protocol = none
                gzip = off
                slots = unlimited
                worker-threads = 1
                queue-limit = 1024
                queue-timeout = 30s
                upstream-wait = 10s
                request-buffer = 1m
                response-buffer = 1m
                buffer-memory = 64m
                spill-limit = 1g
                spill-directory = /tmp
                connect-timeout = 5s
                response-timeout = 60s
                upstream-idle-timeout = 2s
                header-timeout = 10s
                body-timeout = 30s
                idle-timeout = 1500ms
                send-timeout = 60s
                tunnel-timeout = 1h
                max-header-bytes = 32k
                max-headers = 100
                max-target = 16k
                max-body = 2m
                max-connections = auto
                threads = 2
                shutdown-delay = 0s
                drain-timeout = 4s
                log-level = info

                """
        )
    }

    @Test("checks as strictly as it serves")
    func checkRefuses() {
        #expect(throws: OptionError.self) { try printed(["check", "--threads", "0"]) }
        #expect(throws: OptionError.self) {
            try printed(["check"], environment: ["WEIR_THREADS": "0"])
        }
    }

    @Test("prints the version", arguments: [["--version"], ["serve", "--version"]])
    func version(_ arguments: [String]) throws {
        #expect(try printed(arguments) == "weir \(Version.current)\n")
    }

    @Test(
        "prints help, whatever the environment says",
        arguments: [["--help"], ["-h"], ["help"], ["serve", "--help"], ["help", "check"]]
    )
    func help(_ arguments: [String]) throws {
        let text = try printed(arguments, environment: ["WEIR_THREADS": "0"])
        #expect(text.contains("USAGE: weir"))
        #expect(text.hasSuffix("\n"))
    }

    @Test(
        "refuses a line that it cannot read",
        arguments: [
            (["--thread", "1"], "Unknown option '--thread'. Did you mean '--threads'?"),
            (["--nonsense"], "Unknown option '--nonsense'"),
            (["-x"], "Unknown option '-x'"),
            (["--threads"], "Missing value for '--threads <number>'"),
            (["--threads="], "Missing value for '--threads <number>'"),
            (["stray"], "Unexpected argument 'stray'"),
            (["stray", "words"], "2 unexpected arguments: 'stray', 'words'"),
            (["one\nline"], #"Unexpected argument 'one\nline'"#),
            (["--threads", "--listen"], nil),
        ] as [([String], String?)]
    )
    func usage(_ arguments: [String], _ message: String?) {
        #expect(
            refusal(arguments)
                == message
                ?? #"--threads: "--listen" is not allowed; give a whole number from 1 to 256"#
        )
    }

    @Test("keeps a refusal on one line")
    func oneLine() {
        #expect(
            refusal(["--threads", "1\n\u{1B}[2J\""])
                == #"--threads: "1\n\u{1B}[2J\"" is not allowed; give a whole number from 1 to 256"#
        )
    }

    @Test(
        "warns unless only errors are wanted",
        arguments: [("error", 0), ("warning", 1), ("info", 1)]
    )
    func warnings(_ level: String, _ count: Int) throws {
        for command in ["serve", "check"] {
            let invocation = try Invocation(
                arguments: [command, "--log-level", level],
                environment: ["WEIR_THREAD": "1"],
                defaultThreads: 1
            )
            #expect(invocation.warnings.count == count)
        }
    }
}
