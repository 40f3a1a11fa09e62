// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Where the program writes before it serves, by descriptor.
enum StandardStream: Int32 {
    case output = 1
    case error = 2

    /// Writes all of the text; gives up when nobody can read it, since there is nowhere to say so.
    func write(_ text: String) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes { bytes in
                unsafe Glibc.write(rawValue, bytes.baseAddress, bytes.count)
            }
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if errno != EINTR {
                return
            }
        }
    }
}
