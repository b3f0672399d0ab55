internal import CCurl
internal import Relay

/// The header lines of one request as libcurl wants them, in memory that is used again for the next request.
struct HeaderList: ~Copyable {
    private var text = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: 1024)
    private var used = 0
    private var nodes = UnsafeMutableBufferPointer<curl_slist>.allocate(capacity: 24)
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
    /// - Throws: a `setup` failure which names the header that may not be sent.
    mutating func fill(_ headers: [OutgoingRequest.Header]) throws(TransferFailure) -> UnsafePointer<curl_slist>? {
        reserve(headers)
        used = 0
        count = 0
        for header in headers { try append(header) }
        for line in HeaderList.removed {
            let start = used
            copy(UnsafeBufferPointer(start: line.utf8Start, count: line.utf8CodeUnitCount))
            end(lineFrom: start)
        }
        for index in 0..<count - 1 { nodes[index].next = nodes.baseAddress.map { $0 + index + 1 } }
        return UnsafePointer(nodes.baseAddress)
    }

    private mutating func reserve(_ headers: [OutgoingRequest.Header]) {
        let bytes = headers.reduce(64) { $0 + $1.name.utf8.count + $1.value.utf8.count + 3 }
        if bytes > text.count {
            text.deallocate()
            text = .allocate(capacity: 2 * bytes)
        }
        let lines = headers.count + HeaderList.removed.count
        if lines > nodes.count {
            nodes.deallocate()
            nodes = .allocate(capacity: 2 * lines)
        }
    }

    private mutating func append(_ header: OutgoingRequest.Header) throws(TransferFailure) {
        let start = used
        copy(header.name)
        guard used > start, text[start..<used].allSatisfy(HeaderList.isNameByte) else {
            throw TransferFailure(.setup, "a header name has characters that HTTP does not allow")
        }
        if HeaderList.reserved.contains(where: { HeaderList.equalsIgnoringCase($0, text[start..<used]) }) {
            throw TransferFailure(.setup, "the header \(header.name) may not be set")
        }
        let colon = used
        put(UInt8(ascii: ":"))
        put(UInt8(ascii: " "))
        let value = used
        copy(header.value)
        guard !HeaderList.hasControl(text[value..<used]) else {
            throw TransferFailure(.setup, "the value of the header \(header.name) has a control character")
        }
        if text[value..<used].allSatisfy({ $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }) {
            // libcurl takes `Name:` as "do not send it" and `Name;` as "send it empty" (CURLOPT_HTTPHEADER).
            text[colon] = UInt8(ascii: ";")
            used = colon + 1
        }
        end(lineFrom: start)
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
