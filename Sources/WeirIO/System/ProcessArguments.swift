// SPDX-License-Identifier: Apache-2.0

internal import CLinux

/// The command line that the process was started with.
public enum ProcessArguments {
    /// Its words, the program's name first; what is no UTF-8 is repaired.
    ///
    /// `CommandLine.arguments` reads them from `/proc`, and is empty where there is none.
    public static var all: [String] {
        var words: [String] = []
        while let word = unsafe weir_argument(Int32(words.count)) {
            words.append(unsafe String(cString: word))
        }
        return words
    }
}
