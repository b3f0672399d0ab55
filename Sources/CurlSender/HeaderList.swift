internal import CCurl
internal import Relay

/// The header lines of one request as libcurl wants them, in memory that is used again for the next request.
struct HeaderList: ~Copyable {
    private var text = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: 1024)
    private var used = 0
    private let nodes = UnsafeMutableBufferPointer<curl_slist>.allocate(capacity: 1 + removed.count)
    private var count = 0

    deinit {
        text.deallocate()
        nodes.deallocate()
    }

    /// Header names that libcurl must write itself, or the framing of the message could be forged.
    private static let reserved = ["host", "content-length", "transfer-encoding", "connection", "expect"]

    /// Header lines without a value take away what libcurl would add by itself.
    private static let removed: [StaticString] = ["Expect:", "Accept:", "Content-Type:"]

    /// Writes the lines; the list stays valid until the next call.
    ///
    /// All headers are one node, with line ends between them: libcurl looks for a dozen names in each node and formats
    /// each by itself, which cost 0.8 µs a request. It looks at the first line only, so that the others may be empty.
    /// - Parameter userAgent: what the relay calls itself where the headers do not say it.
    /// - Throws: a `setup` failure which names the header that may not be sent.
    mutating func fill(
        _ headers: [OutgoingRequest.Header], userAgent: String
    ) throws(TransferFailure) -> UnsafePointer<curl_slist>? {
        reserve(headers, userAgent)
        used = 0
        count = 0
        if !headers.contains(where: { HeaderList.isUserAgent($0.name) }) {
            try append(OutgoingRequest.Header("User-Agent", userAgent))
        }
        for header in headers { try append(header) }
        end(lineFrom: 0)
        for line in HeaderList.removed {
            let start = used
            copy(UnsafeBufferPointer(start: line.utf8Start, count: line.utf8CodeUnitCount))
            end(lineFrom: start)
        }
        for index in 0..<count - 1 { nodes[index].next = nodes.baseAddress.map { $0 + index + 1 } }
        return UnsafePointer(nodes.baseAddress)
    }

    private mutating func reserve(_ headers: [OutgoingRequest.Header], _ userAgent: String) {
        // 64 for the name of the User-Agent and the lines that take away, 4 for what stands between and behind.
        let bytes = headers.reduce(64 + userAgent.utf8.count) { $0 + $1.name.utf8.count + $1.value.utf8.count + 4 }
        guard bytes > text.count else { return }
        text.deallocate()
        text = .allocate(capacity: 2 * bytes)
    }

    private mutating func append(_ header: OutgoingRequest.Header) throws(TransferFailure) {
        if used > 0 {
            put(UInt8(ascii: "\r"))
            put(UInt8(ascii: "\n"))
        }
        let start = used
        copy(header.name)
        guard used > start, text[start..<used].allSatisfy(HeaderList.isNameByte) else {
            throw TransferFailure(.setup, "a header name has characters that HTTP does not allow")
        }
        if HeaderList.reserved.contains(where: { HeaderList.equalsIgnoringCase($0, text[start..<used]) }) {
            throw TransferFailure(.setup, "the header \(header.name) may not be set")
        }
        put(UInt8(ascii: ":"))
        if !header.value.isEmpty { put(UInt8(ascii: " ")) }
        let value = used
        copy(header.value)
        guard !HeaderList.hasControl(text[value..<used]) else {
            throw TransferFailure(.setup, "the value of the header \(header.name) has a control character")
        }
    }

    private static func isUserAgent(_ name: String) -> Bool {
        name.utf8.count == 10 && name.lowercased() == "user-agent"
    }

    private mutating func copy(_ string: String) {
        if string.utf8.withContiguousStorageIfAvailable({ copy($0) }) == nil {
            for byte in string.utf8 { put(byte) }
        }
    }

    private mutating func copy(_ bytes: UnsafeBufferPointer<UInt8>) {
        _ = UnsafeMutableBufferPointer(rebasing: text[used...]).update(fromContentsOf: bytes)
        used += bytes.count
    }

    private mutating func put(_ byte: UInt8) {
        text[used] = byte
        used += 1
    }

    private mutating func end(lineFrom start: Int) {
        put(0)
        let data = text.baseAddress.map { UnsafeMutableRawPointer($0 + start).assumingMemoryBound(to: CChar.self) }
        nodes.initializeElement(at: count, to: curl_slist(data: data, next: nil))
        count += 1
    }

    /// tchar of RFC 9110 section 5.6.2.
    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        case UInt8(ascii: "!"), UInt8(ascii: "#")...UInt8(ascii: "'"), UInt8(ascii: "*"), UInt8(ascii: "+"),
            UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "^")...UInt8(ascii: "`"), UInt8(ascii: "|"),
            UInt8(ascii: "~"):
            true
        default: false
        }
    }

    /// Bytes are looked at, not Characters: to Swift CR LF is one Character, which is neither CR nor LF.
    private static func hasControl(_ bytes: Slice<UnsafeMutableBufferPointer<UInt8>>) -> Bool {
        var found = false
        for byte in UnsafeMutableBufferPointer(rebasing: bytes) {
            found = found || (byte < 0x20 && byte != UInt8(ascii: "\t")) || byte == 0x7F
        }
        return found
    }

    private static func equalsIgnoringCase(_ lower: String, _ bytes: Slice<UnsafeMutableBufferPointer<UInt8>>) -> Bool {
        lower.utf8.count == bytes.count && zip(lower.utf8, bytes).allSatisfy { $0 == $1 | 0x20 }
    }
}
