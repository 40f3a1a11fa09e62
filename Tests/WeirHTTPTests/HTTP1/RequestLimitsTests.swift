// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import WeirHTTP

@Suite("Request limits")
struct RequestLimitsTests {
    private func limits(bytes: Int = 8192, fields: Int = 100, target: Int = 2048) -> HeadLimits {
        HeadLimits(headBytes: bytes, fieldCount: fields, targetBytes: target)
    }

    @Test("hold a head of exactly as many bytes, and none of one more", arguments: 1...4)
    func limitBytes(padding: Int) {
        let text = TestBytes(
            "GET / HTTP/1.0\r\nA: \(String(repeating: "x", count: padding * 15))\r\n\r\n"
        )
        let whole = RequestSnapshot(text, limits: limits(bytes: text.count))
        #expect(whole.progress == .complete(length: text.count))
        let tight = limits(bytes: text.count - 1)
        #expect(RequestSnapshot(text, limits: tight).progress == .refused(.headTooLong))
        let cut = text.prefix(text.count - 1)
        #expect(RequestSnapshot(cut, limits: tight).progress == .refused(.headTooLong))
        #expect(RequestSnapshot(cut, limits: limits(bytes: text.count)).progress == .incomplete)
    }

    @Test("never leave a head incomplete that has its limit reached", arguments: 1...60)
    func neverStall(bytes: Int) {
        let text: TestBytes = "\r\nGET /abcdef HTTP/1.1\r\nHost: h\r\nA: b\r\nC: d\r\nE: f\r\n\r\n"
        let progress = RequestSnapshot(text, limits: limits(bytes: bytes)).progress
        #expect(progress != .incomplete)
        if bytes < text.count {
            let expected: Set<HeadError> = [.headTooLong, .targetTooLong]
            guard case .refused(let error) = progress else {
                Issue.record("not refused")
                return
            }
            #expect(expected.contains(error))
        }
    }

    @Test("hold as many fields, and none more", arguments: [1, 2, 100, 256])
    func limitFields(count: Int) {
        let fields = String(repeating: "A: b\r\n", count: count)
        let text = TestBytes("GET / HTTP/1.0\r\n\(fields)\r\n")
        let enough = RequestSnapshot(text, limits: limits(fields: count))
        #expect(enough.progress == .complete(length: text.count))
        let few = RequestSnapshot(text, limits: limits(fields: count - 1))
        #expect(few.progress == .refused(.tooManyFields))
        let more = TestBytes("GET / HTTP/1.0\r\n\(fields)B_b: c\r\n\r\n")
        let tooMany = RequestSnapshot(more, limits: limits(fields: count))
        #expect(tooMany.progress == .refused(.tooManyFields))
    }

    @Test("stop an endless target as soon as it is too long", arguments: [1, 15, 16, 17, 40])
    func limitTarget(count: Int) {
        let target = "/" + String(repeating: "a", count: count - 1)
        let text = TestBytes("GET \(target) HTTP/1.0\r\n\r\n")
        let enough = RequestSnapshot(text, limits: limits(target: count))
        #expect(enough.progress == .complete(length: text.count))
        let short = RequestSnapshot(text, limits: limits(target: count - 1))
        #expect(short.progress == .refused(.targetTooLong))
        let endless = TestBytes("GET \(target)")
        #expect(RequestSnapshot(endless, limits: limits(target: count)).progress == .incomplete)
        let over = RequestSnapshot(endless, limits: limits(target: count - 1))
        #expect(over.progress == .refused(.targetTooLong))
        let full = RequestSnapshot(endless, limits: limits(bytes: endless.count, target: 1000))
        #expect(full.progress == .refused(.targetTooLong))
    }

    @Test("stop an endless method after 32 bytes")
    func limitMethod() {
        let method = String(repeating: "M", count: 32)
        let fits = TestBytes("\(method) / HTTP/1.0\r\n\r\n")
        #expect(RequestSnapshot(fits).progress == .complete(length: fits.count))
        #expect(RequestSnapshot(TestBytes(method)).progress == .incomplete)
        #expect(RequestSnapshot(TestBytes(method + "M")).progress == .refused(.methodTooLong))
    }

    @Test("stop a list of connection options after 16 names")
    func limitOptions() {
        let names = (1...15).map { "a\($0)" }.joined(separator: ", ")
        let start = "GET / HTTP/1.0\r\nConnection: \(names)\r\n"
        let fits = TestBytes(start + "Connection: close, keep-alive, x\r\n\r\n")
        #expect(RequestSnapshot(fits).progress == .complete(length: fits.count))
        let tooMany = TestBytes(start + "Connection: x, x\r\n\r\n")
        #expect(RequestSnapshot(tooMany).progress == .refused(.tooManyConnectionOptions))
    }

    @Test("are brought into what offsets of two bytes can hold")
    func areClamped() {
        var limits = HeadLimits(headBytes: 1 << 20, fieldCount: 1000, targetBytes: 1 << 20)
        #expect(limits.headBytes == 65_535)
        #expect(limits.fieldCount == 256)
        limits.headBytes = 70_000
        limits.fieldCount = -1
        #expect(limits.headBytes == 65_535)
        #expect(limits.fieldCount == 0)
        limits.fieldCount = 1
        let value = String(repeating: "v", count: 65_535 - 23)
        let text = TestBytes("GET / HTTP/1.0\r\nA: \(value)\r\n\r\n")
        #expect(text.count == 65_535)
        #expect(RequestSnapshot(text, limits: limits).progress == .complete(length: 65_535))
    }
}
