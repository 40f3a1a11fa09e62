// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc

/// A connected or connecting stream socket, non-blocking; closed by its owner or at the end of its
/// life.
public struct StreamSocket: ~Copyable, Sendable {
    /// The kernel's number; −1 once closed.
    public private(set) var number: Int32

    /// How a connection attempt began.
    public enum Attempt: BitwiseCopyable, Equatable, Sendable {
        /// Connected, or on the way: the first write tells.
        case started
        /// A unix listener with a full backlog: the kernel reports nothing, so try again later.
        case backlogFull
        /// Refused at once; the kernel says why.
        case failed(ErrorCode)
    }

    init(owning number: Int32) { self.number = number }

    deinit {
        if number >= 0 { _ = Glibc.close(number) }
    }

    /// The value of a connection that has no socket of its own.
    public static var closed: StreamSocket { StreamSocket(owning: -1) }

    /// Opens a socket of an address's family.
    ///
    /// - Parameter address: where it will connect to.
    /// - Throws: ``SystemError``, such as EMFILE.
    public init(for address: borrowing SocketAddress) throws(SystemError) {
        number = try SystemError.check(weir_socket(address.familyNumber), "socket")
        if address.family != .unix {
            _ = weir_set_option(number, Int32(IPPROTO_TCP), TCP_NODELAY, 1)
        }
    }

    /// Begins to connect.
    public func connect(to address: borrowing SocketAddress) -> Attempt {
        var storage = address.storage
        let result = unsafe weir_connect(number, &storage, address.length)
        switch -result {
        case _ where result >= 0, EINPROGRESS, EINTR: return .started
        case EAGAIN: return .backlogFull
        default: return .failed(ErrorCode(-result))
        }
    }

    /// The error that a broken connection left behind; `nil` is none.
    ///
    /// Reading it clears it.
    public func pendingError() -> ErrorCode? {
        let code = weir_pending_error(number)
        return code == 0 ? nil : ErrorCode(code)
    }

    /// The address of this end; `nil` on a unix socket.
    public var localAddress: IPAddress? {
        var local = SocketAddress()
        local.length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        _ = unsafe weir_local_address(number, &local.storage, &local.length)
        return local.ip
    }

    /// Whether the peer has finished sending and all that it sent was read.
    public var isAtEnd: Bool { weir_is_at_end(number) != 0 }

    /// Ends this direction; the peer reads to the end of what was sent.
    public func finishSending() { _ = weir_shutdown_write(number) }

    /// Whether it has not been closed yet.
    public var isOpen: Bool { number >= 0 }

    /// Closes the descriptor now; the value stays, without a socket.
    public mutating func close() {
        guard number >= 0 else { return }
        _ = Glibc.close(number)
        number = -1
    }

    /// Closes with RST, so that the peer cannot take what it got for the whole.
    public mutating func reset() {
        guard number >= 0 else { return }
        _ = weir_reset_on_close(number)
        close()
    }

    /// Reads into new memory; for connections that are not on a request's way.
    ///
    /// - Parameters:
    ///   - bytes: what is read is appended here.
    ///   - count: how many bytes at most.
    /// - Returns: how it went.
    public func receive(into bytes: inout [UInt8], upTo count: Int) -> Transfer {
        var chunk = [UInt8](repeating: 0, count: count)
        let received = unsafe chunk.withUnsafeMutableBytes { buffer in
            unsafe weir_receive(number, buffer.baseAddress, buffer.count)
        }
        let transfer = Transfer(received: received)
        if case .bytes(let count) = transfer { bytes.append(contentsOf: chunk[..<count]) }
        return transfer
    }

    /// Writes from an array; for connections that are not on a request's way.
    public func send(_ bytes: ArraySlice<UInt8>) -> Transfer {
        unsafe bytes.withUnsafeBytes { buffer in
            unsafe Transfer(sent: weir_send(number, buffer.baseAddress, buffer.count))
        }
    }
}

extension Transfer {
    @usableFromInline
    init(received result: Int) {
        self = result > 0 ? .bytes(result) : result == 0 ? .end : Transfer(failure: result)
    }

    @usableFromInline
    init(sent result: Int) {
        self = result >= 0 ? .bytes(result) : Transfer(failure: result)
    }

    private init(failure result: Int) {
        switch Int32(truncatingIfNeeded: -result) {
        // ENOTCONN: a TCP connection that is still on its way.
        case EAGAIN, EINTR, ENOTCONN: self = .wouldBlock
        case let code: self = .failed(ErrorCode(code))
        }
    }
}
