// SPDX-License-Identifier: Apache-2.0

/// A name and a value that tell one series of a family from another.
public struct Label: Hashable, Sendable {
    /// ASCII letters, digits and `_`.
    public var name: String
    /// Any text; the exposition escapes it.
    public var value: String

    /// A label as given; whether its name is valid shows when it is written.
    public init(name: String, value: String) {
        self.name = name
        self.value = value
    }
}
