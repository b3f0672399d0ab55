import EventPatterns

/// Host and path of URLs, with `*` for any run of characters: `hooks.slack.com/services/*`.
struct URLPattern: Sendable {
    private let wildcard: Wildcard

    init?(_ text: String) {
        guard let wildcard = try? Wildcard(text) else { return nil }
        self.wildcard = wildcard
    }

    /// Whether a URL fits; its scheme does not matter, nor the case of its host.
    func matches(_ url: String) -> Bool {
        let bytes = Array(url.utf8)
        guard let colon = bytes.firstIndex(of: UInt8(ascii: ":")) else { return false }
        let rest = bytes[colon...].dropFirst().drop { $0 == UInt8(ascii: "/") }
        let path = rest.firstIndex { "/?#".utf8.contains($0) } ?? rest.endIndex
        let host = String(decoding: rest[..<path], as: UTF8.self).lowercased()
        let text = Array(host.utf8) + rest[path...]
        return wildcard.matches(text.span)
    }
}
