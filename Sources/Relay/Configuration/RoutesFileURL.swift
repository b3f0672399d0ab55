/// Scheme and host of a webhook's URL, after a check that is stricter than libcurl's: what passes here means the same
/// to every parser. Messages name the host at most; what stands behind it is a secret.
struct WebhookURL: Sendable {
    enum Host: Sendable, Equatable {
        case name(String)
        /// A literal address of 4 or 16 bytes.
        case address([UInt8])
    }

    struct Fault: Error {
        let message: String
    }

    let isEncrypted: Bool
    let host: Host

    init(_ text: String) throws(Fault) {
        let bytes = Array(text.utf8)
        try WebhookURL.checkBytes(bytes)
        let (isEncrypted, start) = try WebhookURL.scheme(bytes)
        let end = bytes[start...].firstIndex { "/?#".utf8.contains($0) } ?? bytes.count
        guard !bytes[end...].contains(UInt8(ascii: "#")) else {
            throw Fault(message: "the URL has a fragment (#…), which is never sent: remove it")
        }
        let authority = bytes[start..<end]
        guard !authority.contains(UInt8(ascii: "@")) else {
            throw Fault(message: "the URL holds a user or password before \"@\": use \"auth\": {\"basic\": …}")
        }
        self.isEncrypted = isEncrypted
        let (hostText, port) = try WebhookURL.split(authority)
        try WebhookURL.check(port: port)
        host = try WebhookURL.host(hostText)
    }

    private static func checkBytes(_ bytes: [UInt8]) throws(Fault) {
        guard !bytes.isEmpty else { throw Fault(message: "the URL is empty") }
        guard !bytes.contains(where: { $0 < 0x20 || $0 == 0x7F }) else {
            throw Fault(message: "the URL holds a line break or another control character: remove it")
        }
        guard bytes.allSatisfy({ $0 < 0x80 }) else {
            throw Fault(
                message: "the URL holds characters beyond ASCII: write the host as xn--… and the rest as %XX")
        }
        guard !bytes.contains(where: { " \\\"<>".utf8.contains($0) }) else {
            throw Fault(message: "the URL holds a space, quote, backslash or angle bracket: write it as %XX")
        }
        guard !bytes.contains(where: { "{}".utf8.contains($0) }) else {
            throw Fault(
                message: "the URL holds a brace: write it as %7B or %7D (in a plain URL a template is ${…})")
        }
    }

    private static func scheme(_ bytes: [UInt8]) throws(Fault) -> (isEncrypted: Bool, end: Int) {
        let start = String(decoding: bytes.prefix(8), as: UTF8.self).lowercased()
        if start.hasPrefix("https://") { return (true, 8) }
        if start.hasPrefix("http://") { return (false, 7) }
        throw Fault(message: "the URL must start with https:// or http://")
    }

    private static func split(
        _ authority: ArraySlice<UInt8>
    ) throws(Fault) -> (host: ArraySlice<UInt8>, port: ArraySlice<UInt8>?) {
        var hostEnd = authority.firstIndex(of: UInt8(ascii: ":")) ?? authority.endIndex
        if authority.first == UInt8(ascii: "[") {
            guard let bracket = authority.firstIndex(of: UInt8(ascii: "]")) else {
                throw Fault(message: "the URL's IPv6 address has no closing bracket")
            }
            hostEnd = bracket + 1
        }
        guard hostEnd < authority.endIndex else { return (authority[..<hostEnd], nil) }
        guard authority[hostEnd] == UInt8(ascii: ":") else {
            throw Fault(message: "the URL has text between its IPv6 address and the port")
        }
        return (authority[..<hostEnd], authority[(hostEnd + 1)...])
    }

    private static func check(port: ArraySlice<UInt8>?) throws(Fault) {
        guard let port else { return }
        let isNumber = port.allSatisfy { $0 &- UInt8(ascii: "0") < 10 }
        guard isNumber, let number = UInt32(String(decoding: port, as: UTF8.self)), (1...65_535).contains(number) else {
            throw Fault(message: "the URL's port must be a number from 1 to 65535")
        }
    }

    private static func host(_ bytes: ArraySlice<UInt8>) throws(Fault) -> Host {
        let text = String(decoding: bytes, as: UTF8.self).lowercased()
        guard !text.isEmpty else { throw Fault(message: "the URL has no host") }
        if text.hasPrefix("[") {
            let inner = text.dropFirst().dropLast()
            guard !inner.contains("%") else { throw Fault(message: "the URL's IPv6 address has a zone: remove it") }
            guard let address = AddressText.parse(String(inner)), address.count == 16 else {
                throw Fault(message: "what stands in the URL's brackets is not an IPv6 address")
            }
            return .address(address)
        }
        if let address = AddressText.parse(text) { return .address(address) }
        try check(hostName: text)
        return .name(text)
    }

    private static func check(hostName: String) throws(Fault) {
        let isName = hostName.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
            default: ".-_".utf8.contains(byte)
            }
        }
        guard isName else {
            throw Fault(message: "the URL's host may hold letters, digits, \".\", \"-\" and \"_\" only")
        }
        var labels = hostName.split(separator: ".", omittingEmptySubsequences: false)
        if labels.last?.isEmpty == true { labels.removeLast() }
        guard hostName.utf8.count <= 254, labels.allSatisfy({ (1...63).contains($0.utf8.count) }), !labels.isEmpty
        else {
            throw Fault(message: "the URL's host has an empty or over-long label")
        }
        // getaddrinfo takes 2130706433, 0x7f.1 and 127.1 for addresses; nobody writes them in good faith.
        if let last = labels.last, last.hasPrefix("0x") || last.utf8.allSatisfy({ $0 &- UInt8(ascii: "0") < 10 }) {
            throw Fault(message: "the URL's host looks like a number: write an IPv4 address as four decimal numbers")
        }
    }
}
