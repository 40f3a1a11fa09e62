// SPDX-License-Identifier: Apache-2.0

import Testing
import WeirIO
import WeirProxy

@testable import WeirConfiguration

@Suite("Endpoint format") struct EndpointFormatTests {
    private static let longestPath = "/" + String(repeating: "s", count: 106)

    /// What both a listener and the upstream may be.
    static let endpoints: [(String, Endpoint)] = [
        ("127.0.0.1:81", .tcp(host: "127.0.0.1", port: 81)),
        ("10.255.0.1:65535", .tcp(host: "10.255.0.1", port: 65_535)),
        ("localhost:1", .tcp(host: "localhost", port: 1)),
        (
            "my-app.name_space.svc.cluster.local:81",
            .tcp(host: "my-app.name_space.svc.cluster.local", port: 81)
        ),
        ("4.example:81", .tcp(host: "4.example", port: 81)),
        ("[::1]:81", .tcp(host: "::1", port: 81)),
        ("[::]:81", .tcp(host: "::", port: 81)),
        ("[2001:db8::8:800:200C:417A]:81", .tcp(host: "2001:db8::8:800:200C:417A", port: 81)),
        ("[1:2:3:4:5:6:7:8]:81", .tcp(host: "1:2:3:4:5:6:7:8", port: 81)),
        ("[1::3:4:5:6:7:8]:81", .tcp(host: "1::3:4:5:6:7:8", port: 81)),
        ("[1:2:3:4:5:6:7::]:81", .tcp(host: "1:2:3:4:5:6:7::", port: 81)),
        ("[::ffff:10.0.0.1]:81", .tcp(host: "::ffff:10.0.0.1", port: 81)),
        ("[1:2:3:4:5:6:10.0.0.1]:81", .tcp(host: "1:2:3:4:5:6:10.0.0.1", port: 81)),
        ("[fe80::1%eth0]:81", .tcp(host: "fe80::1%eth0", port: 81)),
        ("unix:/run/app.sock", .unix(path: "/run/app.sock")),
        ("unix:app.sock", .unix(path: "app.sock")),
        ("unix:///run/app.sock", .unix(path: "/run/app.sock")),
        ("unix:/run/a:b c=d", .unix(path: "/run/a:b c=d")),
        ("unix:\(longestPath)", .unix(path: longestPath)),
    ]

    /// What neither of them may be.
    static let refused = [
        "81", ":", "localhost", "localhost:", "localhost:http", "localhost:65536", "localhost:-1",
        "localhost:+1", "localhost: 1", "localhost:1 ", "localhost:٣", "localhost:99999999999",
        "http://localhost:81", "tcp://localhost:81", "localhost:81/path", "user@localhost:81",
        "*:81",
        "10.0.0.256:81", "10.0.0:81", "10.0.0.1.1:81", "010.0.0.1:81", "10.0.0.1.:81", "host..a:81",
        ".host:81", "-host:81", "host-:81", "hö:81", "ho st:81", "host\u{0}:81",
        "\(String(repeating: "h", count: 64)):81",
        "\(String(repeating: "h.", count: 127))h:81",
        "::1:81", "2001:db8::1:81", "[]:81", "[::1]", "[::1]81", "[::1:81", "::1]:81", "[[::1]]:81",
        "[:::]:81", "[1::2::3]:81", "[1:2:3:4:5:6:7]:81", "[1:2:3:4:5:6:7:8:9]:81",
        "[1:2:3:4::5:6:7:8]:81", "[12345::]:81", "[g::]:81", "[:1]:81", "[1:]:81", "[1:::2]:81",
        "[10.0.0.1]:81", "[::10.0.0]:81", "[10.0.0.1::]:81", "[1:2:3:4:5:6:7:10.0.0.1]:81",
        "[localhost]:81", "[fe80::1%]:81", "[fe80::1%a b]:81", "[fe80::1%sixteencharacter]:81",
        "unix:", "unix://", "unix://run/app.sock", "unix:////run/app.sock", "unix:a\u{0}b", "unix",
        "unix:\(longestPath)s", "unix:/\(String(repeating: "ä", count: 54))", "Unix:/a", "~",
    ]

    @Test("reads what both may be", arguments: EndpointFormatTests.endpoints)
    func both(_ text: String, _ endpoint: Endpoint) throws {
        #expect(try settings(reading: text, for: .listen).listeners == [endpoint])
        #expect(try settings(reading: text, for: .metrics).metricsListener == endpoint)
        #expect(try settings(reading: text, for: .upstream).upstream == endpoint)
    }

    @Test("lets a listener have a free port and all interfaces")
    func listenerOnly() throws {
        #expect(
            try settings(reading: ":9102", for: .metrics).metricsListener
                == .tcp(host: "0.0.0.0", port: 9102)
        )
        #expect(
            try settings(reading: ":0", for: .listen).listeners == [.tcp(host: "0.0.0.0", port: 0)]
        )
        #expect(try settings(["--listen", "[::1]:0"]).listeners == [.tcp(host: "::1", port: 0)])
    }

    @Test("refuses anything else for a listener", arguments: EndpointFormatTests.refused + [""])
    func noListener(_ text: String) {
        let message =
            "host:port, [v6]:port, :port or unix:PATH, "
            + "with a port from 0 to 65535 and a path of up to 107 bytes"
        #expect(allowed(insteadOf: text, for: .listen) == message)
        #expect(allowed(insteadOf: text, for: .metrics) == message)
    }

    @Test(
        "refuses anything else for the upstream",
        arguments: EndpointFormatTests.refused + [":8001", "localhost:0", "[::1]:0", "a:1,b:2", ""]
    )
    func noUpstream(_ text: String) {
        #expect(
            allowed(insteadOf: text, for: .upstream)
                == "host:port, [v6]:port or unix:PATH, "
                + "with a port from 1 to 65535 and a path of up to 107 bytes"
        )
    }

    @Test("reads several listeners, repeated or with commas")
    func several() throws {
        let endpoints: [Endpoint] = [
            .tcp(host: "0.0.0.0", port: 81), .unix(path: "/run/weir.sock"),
            .tcp(host: "::", port: 82),
        ]
        let texts = [":81", "unix:/run/weir.sock", "[::]:82"]
        let list = texts.joined(separator: ",")
        #expect(try settings(texts.flatMap { ["--listen", $0] }).listeners == endpoints)
        #expect(try settings(reading: list, for: .listen).listeners == endpoints)
        #expect(try settings(environment: ["WEIR_LISTEN": list]).listeners == endpoints)
        // The command line replaces the variable's list, it does not add to it.
        #expect(
            try settings(["--listen", ":83"], environment: ["WEIR_LISTEN": list]).listeners
                == [.tcp(host: "0.0.0.0", port: 83)]
        )
    }

    @Test("names the one address of a list that is wrong", arguments: [":81,b:x,:82", ":81,b:x"])
    func oneOfSeveral(_ list: String) {
        #expect(
            refusal(["--listen", list])?.hasPrefix(#"--listen: "b:x" is not allowed;"#) == true
        )
        #expect(refusal(["--listen", ":81,"])?.hasPrefix(#"--listen: "" is not allowed;"#) == true)
    }
}
