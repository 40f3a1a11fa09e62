// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc

/// Signals of the process, read like any other input instead of interrupting it (signalfd).
public struct Signals: ~Copyable, Sendable {
    /// A signal that weir acts on.
    public enum Signal: Int32, CaseIterable, Sendable {
        /// Stop, as Kubernetes and Pebble ask for it.
        case terminate = 15
        /// Stop, as Ctrl-C asks for it.
        case interrupt = 2
    }

    /// The descriptor to register as a source.
    public let descriptor: Descriptor

    /// Blocks the signals for this thread and those that it starts, and opens the descriptor.
    ///
    /// Call it before the first thread is started. SIGPIPE is ignored from then on, and so are HUP,
    /// USR1 and USR2: what sends them wants a reload or a reopen, never the end.
    ///
    /// - Throws: ``SystemError`` when the kernel refuses.
    public init() throws(SystemError) {
        for ignored in [SIGPIPE, SIGHUP, SIGUSR1, SIGUSR2] { _ = Glibc.signal(ignored, SIG_IGN) }
        var set = sigset_t()
        unsafe sigemptyset(&set)
        for signal in Signal.allCases { unsafe sigaddset(&set, signal.rawValue) }
        unsafe pthread_sigmask(SIG_BLOCK, &set, nil)
        let number = unsafe weir_signalfd(&set)
        descriptor = Descriptor(owning: try SystemError.check(number, "signalfd"))
    }

    /// The next signal that came; `nil` when there is none.
    public func next() -> Signal? {
        var record = signalfd_siginfo()
        let size = MemoryLayout<signalfd_siginfo>.size
        guard unsafe weir_read(descriptor.rawValue, &record, size) == size else { return nil }
        return Signal(rawValue: Int32(record.ssi_signo))
    }
}
