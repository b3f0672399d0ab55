internal import Glibc
internal import Relay

/// An answer as it comes in: what libcurl's callbacks hand over, kept within limits.
struct Reply {
    /// 0 before the status line of a final answer.
    private(set) var status = 0
    /// As `Response` wants them.
    private(set) var headerLines: [UInt8] = []
    private(set) var body: [UInt8] = []
    /// Whether the empty line behind the headers of a final answer (not 1xx) has come.
    private(set) var hasHeaders = false
    private(set) var isCut = false
    /// Whether the status line is one of HTTP/1.
    private(set) var isHTTP1 = false
    private var headerCount = 0
    private let bodyLimit: Int

    /// More than any honest answer has; what comes behind is not kept.
    static let headerCountLimit = 100
    static let headerBytesLimit = 32 * 1024

    init(bodyLimit: Int = Response.bodyLimit) { self.bodyLimit = bodyLimit }

    /// One line as libcurl gives it: a status line, a header, the empty line, or a trailer.
    mutating func receive(line: UnsafeRawBufferPointer) {
        // What follows a final answer's headers are trailers.
        if hasHeaders { return }
        if Reply.isStatusLine(line) { return startHeaders(statusLine: line) }
        let text = Reply.trimmed(line[...])
        if text.isEmpty {
            // 1xx: the final answer is still to come.
            hasHeaders = status >= 200
        } else {
            keep(text)
        }
    }

    private static func isStatusLine(_ line: UnsafeRawBufferPointer) -> Bool {
        guard line.count >= 5, let start = line.baseAddress else { return false }
        return memcmp(start, "HTTP/", 5) == 0
    }

    private mutating func startHeaders(statusLine: UnsafeRawBufferPointer) {
        self = Reply(bodyLimit: bodyLimit)
        isHTTP1 = statusLine.count > 5 && statusLine[5] == UInt8(ascii: "1")
        let digits = statusLine.drop { $0 != UInt8(ascii: " ") }.drop { $0 == UInt8(ascii: " ") }.prefix(3)
        status = digits.reduce(0) { $0 * 10 + Int($1) - Int(UInt8(ascii: "0")) }
    }

    private mutating func keep(_ line: Slice<UnsafeRawBufferPointer>) {
        guard headerCount < Reply.headerCountLimit, headerLines.count + line.count < Reply.headerBytesLimit,
            line.contains(UInt8(ascii: ":"))
        else { return }
        headerCount += 1
        if headerLines.isEmpty { headerLines.reserveCapacity(256) }
        headerLines.append(contentsOf: UnsafeRawBufferPointer(rebasing: line))
        headerLines.append(UInt8(ascii: "\n"))
    }

    /// Takes bytes of the body.
    /// - Returns: false when the limit is passed and no more is wanted.
    mutating func receive(body bytes: UnsafeRawBufferPointer) -> Bool {
        let room = bodyLimit - body.count
        body.append(contentsOf: bytes.prefix(room))
        if bytes.count > room { isCut = true }
        return !isCut
    }

    private static func trimmed(_ bytes: Slice<UnsafeRawBufferPointer>) -> Slice<UnsafeRawBufferPointer> {
        var (start, end) = (bytes.startIndex, bytes.endIndex)
        while start < end, isSpace(bytes[start]) { start += 1 }
        while start < end, isSpace(bytes[end - 1]) { end -= 1 }
        return bytes[start..<end]
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
}
