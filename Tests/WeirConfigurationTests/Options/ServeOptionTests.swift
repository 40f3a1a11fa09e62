// SPDX-License-Identifier: Apache-2.0

import Testing
import WeirProxy

@testable import WeirConfiguration

@Suite("Serve option") struct ServeOptionTests {
    /// For each option a value that is not the default, as `weir check` writes it back.
    static let samples: [ServeOption: String] = [
        .listen: "127.0.0.1:81,unix:/run/weir.sock",
        .upstream: "unix:/run/app.sock",
        .metrics: "[::1]:9103",
        .metricsPath: "/custom",
        .metricsPrefix: "django",
        .trustProxies: "10.0.0.0/8,fd00::/8,192.0.2.1,unix",
        .proxyProtocol: "both",
        .gzip: "4",
        .slots: "18",
        .workerThreads: "21",
        .queueLimit: "19",
        .queueTimeout: "20s",
        .upstreamWait: "16s",
        .requestBuffer: "21k",
        .responseBuffer: "22k",
        .bufferMemory: "23m",
        .spillLimit: "24g",
        .spillDirectory: "/var/spool/weir",
        .connectTimeout: "1s",
        .responseTimeout: "2s",
        .upstreamIdleTimeout: "3s",
        .headerTimeout: "4s",
        .bodyTimeout: "5s",
        .idleTimeout: "6s",
        .sendTimeout: "7s",
        .tunnelTimeout: "17s",
        .maxHeaderBytes: "8k",
        .maxHeaders: "9",
        .maxTarget: "10k",
        .maxBody: "11m",
        .maxConnections: "12",
        .threads: "13",
        .shutdownDelay: "14s",
        .drainTimeout: "15s",
        .logLevel: "debug",
    ]
    /// The same for two options and the aliases that they have.
    static let aliases: [(alias: String, option: ServeOption)] = [
        ("web.listen-address", .metrics), ("web.telemetry-path", .metricsPath),
    ]

    @Test("is set by its flag, and alone", arguments: ServeOption.allCases)
    func flag(_ option: ServeOption) throws {
        let sample = try #require(Self.samples[option], "add a sample for the new option")
        try expect(option, sample, in: settings([option.flag, sample]))
    }

    @Test("is set by its variable, and alone", arguments: ServeOption.allCases)
    func variable(_ option: ServeOption) throws {
        let sample = try #require(Self.samples[option])
        try expect(option, sample, in: settings(environment: [option.environmentName: sample]))
    }

    @Test("is set by its aliases", arguments: ServeOptionTests.aliases)
    func alias(_ alias: String, _ option: ServeOption) throws {
        let sample = try #require(Self.samples[option])
        try expect(option, sample, in: settings(["--\(alias)", sample]))
        try expect(option, sample, in: settings(["--\(alias)=\(sample)"]))
    }

    @Test("has no alias that is not tested")
    func aliasesAreTested() {
        #expect(ServeOption.allCases.flatMap(\.aliases) == Self.aliases.map(\.alias))
    }

    @Test("takes the command line, by = as well, before its variable")
    func precedence() throws {
        let arguments = try ServeOption.allCases.map { option in
            "\(option.flag)=\(try #require(Self.samples[option]))"
        }
        // What the variables say does not count, so it need not even be allowed.
        let names = ServeOption.allCases.map(\.environmentName)
        let environment = Dictionary(uniqueKeysWithValues: names.map { ($0, "~") })
        expectSamples(in: try settings(arguments, environment: environment))
    }

    @Test("counts an empty variable as absent", arguments: ServeOption.allCases)
    func emptyVariable(_ option: ServeOption) throws {
        #expect(
            try settings(environment: [option.environmentName: ""]) == settings(environment: [:])
        )
    }

    @Test("has the last word when repeated")
    func repeated() throws {
        let arguments = try ServeOption.allCases.flatMap { option in
            let sample = try #require(Self.samples[option])
            // Of some there may be several, and each is read.
            return [.listen, .trustProxies].contains(option)
                ? [option.flag, sample] : [option.flag, "~", option.flag, sample]
        }
        expectSamples(in: try settings(arguments))
    }

    @Test("refuses a bad value by name, from either place", arguments: ServeOption.allCases)
    func refusalNamesTheOption(_ option: ServeOption) throws {
        let advice = try #require(allowed(insteadOf: "~", for: option))
        let message = "\"~\" is not allowed; give \(advice)"
        let variable = option.environmentName
        #expect(refusal([option.flag, "~"]) == "\(option.flag): \(message)")
        #expect(refusal(environment: [variable: "~"]) == "\(variable): \(message)")
    }

    @Test(
        "is in the help with all its names, bounds, default and variable",
        arguments: ["serve", "check"]
    )
    func help(_ command: String) throws {
        let words = try printed([command, "--help"]).split(whereSeparator: \.isWhitespace)
        let help = words.joined(separator: " ")
        for option in ServeOption.allCases {
            let names = ([option.name] + option.aliases).map { "--\($0)" }.joined(separator: ", ")
            let facts = [
                option.setting.bounds, "default: \(option.defaultText)", option.environmentName,
            ]
            let entry =
                "\(names) <\(option.setting.valueName)> \(option.meaning) "
                + "(\(facts.compactMap(\.self).joined(separator: "; ")))"
            #expect(help.contains(entry))
        }
    }

    @Test(
        "has a name that says WEIR_ and is none of a Kubernetes Service",
        arguments: ServeOption.allCases
    )
    func environmentName(_ option: ServeOption) {
        let name = option.environmentName
        #expect(name == "WEIR_" + option.name.uppercased().replacing("-", with: "_"))
        #expect(!OptionEnvironment.isServiceVariable(name, value: "tcp://10.0.0.1:8000"))
    }

    @Test("writes its default in a spelling that it reads", arguments: ServeOption.allCases)
    func defaultRoundTrip(_ option: ServeOption) throws {
        let text = option.setting.write(ProxySettings())
        #expect(try option.setting.write(settings(reading: text, for: option)) == text)
    }

    private func expectSamples(in settings: ProxySettings) {
        for option in ServeOption.allCases {
            #expect(option.setting.write(settings) == Self.samples[option])
        }
    }

    /// Only this option may differ from the defaults, and it has to be what was written.
    private func expect(_ option: ServeOption, _ text: String, in settings: ProxySettings) throws {
        var defaults = ProxySettings()
        defaults.threads = 2
        for other in ServeOption.allCases where other != option {
            #expect(other.setting.write(settings) == other.setting.write(defaults))
        }
        #expect(option.setting.write(settings) == text)
    }
}
