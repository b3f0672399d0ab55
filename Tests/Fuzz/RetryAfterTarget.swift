import Relay

@testable import CurlSender

/// Any bytes as the head of an answer, line by line as libcurl hands it over, and as the value of Retry-After.
///
/// - A wait is at least 1 ms and at most 24 h; what is kept of an answer stays within its limits.
/// - A number of seconds is that wait, and a date which is made of the input is that date.
enum RetryAfterTarget {
    /// 2026-11-22T08:05:01.042Z.
    private static let now = Timestamp(milliseconds: 1_795_334_701_042)
    private static let times = [now] + [.min, 0, .max].map { Timestamp(milliseconds: $0) }

    static func check(_ input: [UInt8]) {
        bounded(shown(input))
        answered(input)
        seconds(input)
        date(input)
    }

    private static func bounded(_ value: String) {
        for now in times {
            guard let wait = RetryAfter.milliseconds(value, now: now) else { continue }
            promise((1...RetryAfter.capMilliseconds).contains(wait), "\(wait) ms")
        }
    }

    private static func answered(_ input: [UInt8]) {
        var reply = Reply()
        Array("HTTP/1.1 503 Service Unavailable\r\n".utf8).withUnsafeBytes { reply.receive(line: $0) }
        for line in input.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            Array(line).withUnsafeBytes { reply.receive(line: $0) }
        }
        let isTooMuch = input.withUnsafeBytes { !reply.receive(body: $0) }
        promise(reply.headerLines.count <= Reply.headerBytesLimit, "\(reply.headerLines.count) bytes of headers")
        promise(reply.body.count <= Response.bodyLimit && isTooMuch == reply.isCut, "\(reply.body.count) bytes")
        let response = Response(
            status: reply.status, headerLines: reply.headerLines, body: reply.body, isComplete: !reply.isCut)
        promise(response.headers.count <= Reply.headerCountLimit, "\(response.headers.count) headers")
        for header in response.headers {
            promise(!header.value.utf8.contains(UInt8(ascii: "\n")), "\(header)")
            bounded(header.value)
        }
    }

    private static func seconds(_ input: [UInt8]) {
        let digits = input.prefix(9).map { "0123456789".utf8.map(\.self)[Int($0 % 10)] }
        guard !digits.isEmpty, let seconds = Int64(shown(digits)) else { return }
        let wanted = seconds == 0 ? nil : min(seconds * 1000, RetryAfter.capMilliseconds)
        let wait = RetryAfter.milliseconds(shown(digits), now: now)
        promise(wait == wanted, "\(shown(digits)) seconds are \(String(describing: wait)) ms")
    }

    /// A date from 1970 to 2106 in the form of RFC 9110 that is preferred.
    private static func date(_ input: [UInt8]) {
        guard input.count >= 4 else { return }
        let time = Timestamp(milliseconds: input.prefix(4).reduce(0) { $0 << 8 | Int64($1) } * 1000)
        let parts = time.description.split { "-T:.Z".contains($0) }
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        guard parts.count == 7, let month = Int(parts[1]) else { return promise(false, "\(time)") }
        let text = "Sun, \(parts[2]) \(months[month - 1]) \(parts[0]) \(parts[3]):\(parts[4]):\(parts[5]) GMT"
        let before = time.advanced(byMilliseconds: -1500)
        let wait = RetryAfter.milliseconds(text, now: before)
        promise(wait == 1500, "\(text) is \(String(describing: wait)) ms after \(before)")
        promise(RetryAfter.milliseconds(text, now: time) == nil, "\(text) is later than itself")
    }
}
