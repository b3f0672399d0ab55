extension Destination {
    /// What nobody may read in an answer that repeats the request: secret header values, and what stands behind the
    /// URL's host, as a whole and in its longer parts; the longest first.
    package var secrets: [[UInt8]] {
        let values = headers.filter(\.isSecret).map { Array($0.value.utf8) }
        // Of `Bearer TOKEN` the token alone is as much of a secret.
        let tokens = values.compactMap { $0.split(separator: UInt8(ascii: " ")).last.map(Array.init) }
        let rest = Array(url.utf8.dropFirst(redactedURL(url).utf8.count - "/…".utf8.count))
        let parts = plainTail(rest).split { "/?&=".utf8.contains($0) }
            .filter { $0.count >= Redaction.shortestPart }.map(Array.init)
        let wholes = rest.count >= Redaction.shortestWhole ? [rest] : []
        let all = values + tokens + parts + wholes + (oauth2?.secrets ?? [])
        return all.filter { !$0.isEmpty }.sorted { $0.count > $1.count }
    }

    /// What stands behind the host without the expressions of a template, which no answer repeats.
    private func plainTail(_ rest: [UInt8]) -> [UInt8] {
        guard let template = templates?.url else { return rest }
        let tail = template.literals.joined(separator: "/").utf8
        return Array(tail.dropFirst(redactedURL(url).utf8.count - "/…".utf8.count))
    }
}

/// Takes secrets out of foreign text.
package enum Redaction {
    /// A shorter part of a URL is a word such as `webhooks`, not a secret.
    static let shortestPart = 12
    /// A shorter path is `/` or `/api`, and would be found everywhere.
    static let shortestWhole = 8

    private static let mask = Array("<redacted>".utf8)

    /// The text with each secret masked; earlier secrets of the list win where two overlap.
    package static func redact(_ text: [UInt8], secrets: [[UInt8]]) -> [UInt8] {
        secrets.reduce(text) { text, secret in
            var output: [UInt8] = []
            var rest = text[...]
            while let first = rest.firstIndex(of: secret[0]) {
                output += rest[..<first]
                if rest[first...].starts(with: secret) {
                    output += mask
                    rest = rest[(first + secret.count)...]
                } else {
                    output.append(secret[0])
                    rest = rest[(first + 1)...]
                }
            }
            return output + rest
        }
    }
}
