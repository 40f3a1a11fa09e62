// SPDX-License-Identifier: Apache-2.0

/// How an operator writes one kind of value.
///
/// A format reads a text, writes a value in a spelling that it would read, and says what is
/// allowed. Each kind of value has a file of its own, `ValueFormat+Duration.swift` and so on.
struct ValueFormat<Value>: Sendable {
    /// What stands for the value in the help, `duration` in `--drain-timeout <duration>`.
    let valueName: String
    /// The least and the most, where the value has such.
    let bounds: String?
    /// How the sentence "… is not allowed; give" ends.
    let allowed: String
    /// The value that a text means.
    let read: @Sendable (String) throws(ValueRefusal) -> Value
    /// The text for a value.
    let write: @Sendable (Value) -> String

    /// A format of single values.
    ///
    /// - Parameters:
    ///   - valueName: what stands for the value in the help.
    ///   - bounds: the least and the most, where the value has such.
    ///   - allowed: how the sentence "… is not allowed; give" ends.
    ///   - write: the text for a value.
    ///   - match: the value that a text means; `nil` refuses it.
    init(
        valueName: String,
        bounds: String? = nil,
        allowed: String,
        write: @escaping @Sendable (Value) -> String,
        match: @escaping @Sendable (String) -> Value?
    ) {
        self.init(valueName, bounds, allowed, write: write) { text throws(ValueRefusal) in
            guard let value = match(text) else {
                throw ValueRefusal(text: text, allowed: allowed)
            }
            return value
        }
    }

    /// A format that stands on one for lists, with other words of its own.
    ///
    /// - Parameters:
    ///   - list: what its values are made of; says what is allowed.
    ///   - write: the text for a value.
    ///   - read: the value that a text means.
    init<Element>(
        list: ValueFormat<[Element]>,
        write: @escaping @Sendable (Value) -> String,
        read: @escaping @Sendable (String) throws(ValueRefusal) -> Value
    ) {
        self.init(list.valueName, list.bounds, list.allowed, write: write, read: read)
    }

    private init(
        _ valueName: String,
        _ bounds: String?,
        _ allowed: String,
        write: @escaping @Sendable (Value) -> String,
        read: @escaping @Sendable (String) throws(ValueRefusal) -> Value
    ) {
        self.valueName = valueName
        self.bounds = bounds
        self.allowed = allowed
        self.write = write
        self.read = read
    }

    /// The same format with one word more, which stands for no value.
    func or(_ word: String) -> ValueFormat<Value?> {
        let allowed = "\(allowed), or \(word)"
        return ValueFormat<Value?>(
            valueName,
            bounds.map { "\($0), or \(word)" },
            allowed,
            write: { value in value.map(write) ?? word },
            read: { text throws(ValueRefusal) in
                guard text != word else { return nil }
                do throws(ValueRefusal) {
                    return try read(text)
                } catch {
                    throw ValueRefusal(text: error.text, allowed: allowed)
                }
            }
        )
    }

    /// One or more values of this format with commas between them.
    var separatedByCommas: ValueFormat<[Value]> {
        ValueFormat<[Value]>(
            valueName,
            bounds,
            allowed,
            write: { values in values.map(write).joined(separator: ",") },
            read: { text throws(ValueRefusal) in
                var values: [Value] = []
                for element in text.split(separator: ",", omittingEmptySubsequences: false) {
                    values.append(try read(String(element)))
                }
                return values
            }
        )
    }
}
