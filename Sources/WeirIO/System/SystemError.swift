// SPDX-License-Identifier: Apache-2.0

/// A system call that failed: which one, and the kernel's reason.
public struct SystemError: Error, Equatable, Sendable {
    /// The call, as its manual page is named.
    public let call: String
    /// The kernel's reason.
    public let code: ErrorCode

    /// Names a failed call.
    public init(_ call: String, code: Int32) {
        self.call = call
        self.code = ErrorCode(code)
    }

    /// The result of a CLinux call, or the error in it.
    ///
    /// - Parameters:
    ///   - result: what the call returned; negative is a negated errno.
    ///   - call: the call, as its manual page is named.
    /// - Returns: the result, zero or more.
    /// - Throws: the error that a negative result stands for.
    static func check(_ result: Int32, _ call: String) throws(SystemError) -> Int32 {
        guard result >= 0 else { throw SystemError(call, code: -result) }
        return result
    }
}

extension SystemError: CustomStringConvertible {
    /// The kernel's reason in words, such as `address already in use (bind)`.
    public var description: String { "\(code.text) (\(call))" }
}
