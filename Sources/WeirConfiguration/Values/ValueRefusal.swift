// SPDX-License-Identifier: Apache-2.0

/// A text that does not mean a value, and what would.
struct ValueRefusal: Error, Equatable {
    /// What was written; of a list, the element.
    let text: String
    /// How the sentence "… is not allowed; give" ends.
    let allowed: String
}
