import NIOHTTP1

/// What the headers of one request say, read in one pass.
struct RequestFacts {
    private(set) var contentLength: ContentLength?
    private(set) var isChunked = false
    /// Refused although the decoder took it: two hosts or none, a length that is not digits, another coding. The
    /// decoder itself refuses a length beside a coding, and two lengths.
    private(set) var isMalformed = false
    private(set) var expectsContinue = false
    /// Whether the decoder reads no further request after this one.
    private(set) var isLast: Bool
    /// Values of all signature headers.
    private(set) var signatures: [String] = []

    enum ContentLength: Equatable {
        case bytes(Int)
        /// Digits, but more than an `Int` holds.
        case immense

        func exceeds(_ limit: Int) -> Bool {
            switch self {
            case .bytes(let count): count > limit
            case .immense: true
            }
        }
    }

    init(_ head: HTTPRequestHead) {
        isLast = head.method == .CONNECT || !head.isKeepAlive || head.version != .http1_1
        var hosts = 0
        for (name, value) in head.headers { note(name, value, &hosts) }
        // RFC 9112, 3.2: one Host field, and a server answers 400 to a request that breaks this.
        if hosts > 1 || hosts == 0 && head.version == .http1_1 { isMalformed = true }
    }

    /// By length first: most fields differ in it from all that we look for.
    private mutating func note(_ name: String, _ value: String, _ hosts: inout Int) {
        switch name.utf8.count {
        case 4 where name.isField("host"): hosts += 1
        case 6 where name.isField("expect"): expectsContinue = value.isField("100-continue")
        case 7 where name.isField("upgrade"): isLast = true
        case 14 where name.isField("content-length"): noteLength(value)
        case 17 where name.isField("transfer-encoding"):
            isMalformed = isMalformed || isChunked || !value.isField("chunked")
            isChunked = true
        case 20 where name.isField("x-gruveo-sha256-hmac"): signatures.append(value)
        default: break
        }
    }

    private mutating func noteLength(_ value: String) {
        let isNumber = !value.isEmpty && value.utf8.allSatisfy { 0x30...0x39 ~= $0 }
        if contentLength != nil || !isNumber { isMalformed = true }
        contentLength = Int(value).map { .bytes($0) } ?? .immense
    }
}

extension String {
    /// Whether these are the same ASCII letters as `lowercased`, in either case.
    fileprivate func isField(_ lowercased: StaticString) -> Bool {
        guard utf8.count == lowercased.utf8CodeUnitCount else { return false }
        return lowercased.withUTF8Buffer { expected in
            zip(utf8, expected).allSatisfy { byte, wanted in
                byte == wanted || 0x41...0x5A ~= byte && byte | 0x20 == wanted
            }
        }
    }
}

/// The path of a request target without its query, byte for byte as it came: nothing is decoded or normalised. Nil
/// for a target that has none (`*`, an authority). RFC 9112, 3.2.2: the absolute form must be understood too.
func path(ofTarget target: String) -> Substring? {
    let bytes = target.utf8
    if bytes.first == UInt8(ascii: "/") {
        return target[..<(bytes.firstIndex(of: UInt8(ascii: "?")) ?? bytes.endIndex)]
    }
    guard let authority = ["http://", "https://"].first(where: { target.lowercased().hasPrefix($0) }) else {
        return nil
    }
    let rest = target.dropFirst(authority.count)
    guard let slash = rest.utf8.firstIndex(of: UInt8(ascii: "/")) else { return nil }
    let path = rest[slash...]
    return path[..<(path.utf8.firstIndex(of: UInt8(ascii: "?")) ?? path.endIndex)]
}
