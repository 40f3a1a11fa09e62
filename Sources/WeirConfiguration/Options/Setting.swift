// SPDX-License-Identifier: Apache-2.0

internal import WeirProxy

/// The place of one option in the settings, and how its value is written.
struct Setting: Sendable {
    /// What stands for the value in the help.
    let valueName: String
    /// The least and the most, where the value has such.
    let bounds: String?
    /// Puts the value that a text means into the settings.
    let read: @Sendable (String, inout ProxySettings) throws(ValueRefusal) -> Void
    /// The value in effect, in a spelling that `read` takes.
    let write: @Sendable (ProxySettings) -> String

    /// Ties a place in the settings to the format of its values.
    init<Value>(
        _ path: any WritableKeyPath<ProxySettings, Value> & Sendable,
        _ format: ValueFormat<Value>
    ) {
        valueName = format.valueName
        bounds = format.bounds
        read = { text, settings throws(ValueRefusal) in
            settings[keyPath: path] = try format.read(text)
        }
        write = { settings in format.write(settings[keyPath: path]) }
    }
}
