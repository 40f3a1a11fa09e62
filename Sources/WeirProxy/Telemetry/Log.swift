// SPDX-License-Identifier: Apache-2.0

internal import Synchronization
internal import WeirIO

/// Diagnostics on stderr, one line each: `time=… level=… msg="…" key=value …`.
///
/// They tell what happens to weir itself; requests are in the metrics.
final class Log: Sendable {
    private let level: LogLevel
    private let nextLimitedAt = Atomic<UInt64>(0)
    private let suppressed = Atomic<Int>(0)

    init(level: LogLevel) { self.level = level }

    /// Writes a line if its level asks for it.
    func write(_ level: LogLevel, _ message: String, _ fields: KeyValuePairs<String, String> = [:])
    {
        guard level.rank <= self.level.rank else { return }
        var line =
            "time=\(Clock.timestamp(Clock.wall())) level=\(level.rawValue) msg=\"\(message)\""
        for (key, value) in fields { line += " \(key)=\(Self.quoted(value))" }
        StandardError.write(line: line)
    }

    /// Writes a line at most once a second; for what a hostile or broken peer could repeat without
    /// end.
    func limited(
        _ level: LogLevel,
        _ message: String,
        _ fields: KeyValuePairs<String, String> = [:]
    ) {
        let now = Clock.monotonic()
        let next = nextLimitedAt.load(ordering: .relaxed)
        let isDue =
            now >= next
            && nextLimitedAt.compareExchange(
                expected: next,
                desired: now + 1_000_000_000,
                ordering: .relaxed
            ).exchanged
        guard isDue else {
            suppressed.wrappingAdd(1, ordering: .relaxed)
            return
        }
        write(level, message, fields)
        let count = suppressed.exchange(0, ordering: .relaxed)
        if count > 0 { write(level, "more lines like this were left out", ["count": "\(count)"]) }
    }

    /// The value as logfmt writes it: quoted when it holds more than plain characters, control
    /// characters escaped.
    static func quoted(_ value: String) -> String {
        let isPlain = value.utf8.allSatisfy { byte in
            byte > 0x20 && byte < 0x7F && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "=")
        }
        if isPlain, !value.isEmpty { return value }
        var text = ""
        for scalar in value.unicodeScalars { text += scalar.escaped(asASCII: false) }
        return "\"\(text)\""
    }
}

extension LogLevel {
    /// 0 for the most important.
    fileprivate var rank: Int {
        switch self {
        case .error: 0
        case .warning: 1
        case .info: 2
        case .debug: 3
        }
    }
}
