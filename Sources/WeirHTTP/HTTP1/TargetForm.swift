// SPDX-License-Identifier: Apache-2.0

/// The forms of a request-target that are served (RFC 9112 §3.2); authority-form is not.
enum TargetForm: BitwiseCopyable {
    case origin, absolute, asterisk
}
