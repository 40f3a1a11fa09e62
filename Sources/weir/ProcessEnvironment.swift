// SPDX-License-Identifier: Apache-2.0

import Glibc

/// The variables that the process was started with.
enum ProcessEnvironment {
    /// Name and value of each; what is no UTF-8 is repaired, a name that repeats counts once.
    static var variables: [String: String] {
        var variables: [String: String] = [:]
        var entry = unsafe environ
        while let text = unsafe entry.pointee {
            let words = unsafe String(cString: text).split(
                separator: "=",
                maxSplits: 1,
                omittingEmptySubsequences: false
            )
            // As getenv(3) does, the first one counts.
            if words.count == 2, variables[String(words[0])] == nil {
                variables[String(words[0])] = String(words[1])
            }
            unsafe entry += 1
        }
        return variables
    }
}
