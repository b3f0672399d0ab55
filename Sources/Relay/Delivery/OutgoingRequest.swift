/// One HTTP request, ready to send. Its URL and headers may hold secrets: it prints as method and host only.
package struct OutgoingRequest: Sendable, CustomStringConvertible {
    package struct Header: Sendable, Equatable {
        package let name: String
        package let value: String

        package init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    package let method: String
    package let url: String
    package let headers: [Header]
    package let body: [UInt8]
    package let options: TransferOptions

    package init(method: String, url: String, headers: [Header], body: [UInt8], options: TransferOptions) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        self.options = options
    }

    package var description: String { "\(method) \(redactedURL(url))" }
}

/// How a destination wants to be reached.
package struct TransferOptions: Sendable, Equatable {
    /// The whole transfer, in milliseconds; 15 s by default.
    package var timeoutMilliseconds = 15_000
    /// Name look-up, TCP and TLS handshake together, in milliseconds.
    package var connectTimeoutMilliseconds = 5_000
    /// Private networks that this destination may be in; empty for none.
    package var allowPrivate: [AddressBlock] = []
    /// File with the certificates to trust instead of the system's, PEM.
    package var caFile: String?
    /// Client certificate and its key, PEM files.
    package var certificateFile: String?
    package var keyFile: String?

    package init() {}
}

/// Scheme and host of a URL, and `/…` for all that stands behind them; a webhook's path is a secret.
package func redactedURL(_ url: String) -> String {
    guard let scheme = url.range(of: "://") else { return "…" }
    // By bytes: a combining mark after the slash makes another Character of it, and the path would be shown.
    let rest = url.utf8[scheme.upperBound...]
    let end = rest.firstIndex { "/?#\\".utf8.contains($0) } ?? rest.endIndex
    let authority = rest[..<end]
    let host = authority.lastIndex(of: UInt8(ascii: "@")).map { authority[authority.index(after: $0)...] } ?? authority
    return String(url[..<scheme.upperBound]) + String(decoding: host, as: UTF8.self) + "/…"
}

extension String {
    /// The range of the first occurrence; byte by byte, since Foundation is not at hand in pure targets.
    fileprivate func range(of needle: String) -> Range<String.Index>? {
        let wanted = Array(needle.utf8)
        var start = utf8.startIndex
        while let end = utf8.index(start, offsetBy: wanted.count, limitedBy: utf8.endIndex) {
            if utf8[start..<end].elementsEqual(wanted) { return start..<end }
            guard end < utf8.endIndex else { return nil }
            start = utf8.index(after: start)
        }
        return nil
    }
}
