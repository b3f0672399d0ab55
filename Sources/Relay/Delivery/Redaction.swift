import JSONTemplates

extension Destination {
    /// What nobody may read in an answer that repeats the request: secret header values, and what stands behind the
    /// URL's host, as a whole and in its longer parts; the longest first.
    ///
    /// Of a template these are the pieces between the expressions: an answer repeats what has come of it.
    package var secrets: [[UInt8]] { secrets(with: nil) }

    /// The same, and the access token that a request showed.
    package func secrets(with token: AccessToken?) -> [[UInt8]] {
        let all = headers.filter(\.isSecret).flatMap(pieces) + urlPieces + (oauth2?.secrets ?? [])
        return (all + (token?.secrets ?? [])).filter { !$0.isEmpty }.sorted { $0.count > $1.count }
    }

    private func pieces(of header: Header) -> [[UInt8]] {
        guard let template = templates?.headers.first(where: { $0.name == header.name }) else {
            let value = Array(header.value.utf8)
            // Of `Bearer TOKEN` the token alone is as much of a secret.
            return [value] + (value.split(separator: UInt8(ascii: " ")).last.map { [Array($0)] } ?? [])
        }
        return template.text.literals.flatMap { literal in
            literal.utf8.split { " ;,=".utf8.contains($0) }.map(Array.init).filter(Redaction.mayBeSecret)
        }
    }

    private var urlPieces: [[UInt8]] {
        var literals = (templates?.url?.literals ?? [url]).map { Array($0.utf8) }
        // The first one holds scheme and host: a template stands behind these.
        if let first = literals.first {
            literals[0] = Array(first.dropFirst(redactedURL(url).utf8.count - "/…".utf8.count))
        }
        let parts = literals.flatMap { literal in
            literal.split { "/?&=".utf8.contains($0) }.map(Array.init).filter { $0.count >= Redaction.shortestPart }
        }
        return parts + literals.filter { $0.count >= Redaction.shortestWhole }
    }
}

/// Takes secrets out of foreign text.
package enum Redaction {
    /// A shorter part of a URL is a word such as `webhooks`, not a secret.
    static let shortestPart = 12
    /// A shorter path is `/` or `/api`, and would be found everywhere.
    static let shortestWhole = 8
    /// A shorter word of a header's template is `v1`, or by chance in any text.
    private static let shortestWord = 6

    private static let mask = Array("<redacted>".utf8)

    /// Whether a word that stands in a secret header's template is more than `Bearer` or `session`.
    static func mayBeSecret(_ word: [UInt8]) -> Bool {
        let hasDigit = word.contains { $0 &- UInt8(ascii: "0") < 10 }
        return word.count >= (hasDigit ? shortestWord : shortestPart)
    }

    /// The text with each secret masked; earlier secrets of the list win where two overlap.
    package static func redact(_ text: [UInt8], secrets: [[UInt8]]) -> [UInt8] {
        // Where a mask begins, the place behind it. A mask is never looked into: a secret may be a part of its word.
        var ends: [Int: Int] = [:]
        var isMasked = [Bool](repeating: false, count: text.count)
        for secret in secrets {
            var index = 0
            while index < text.count {
                if let end = end(of: secret, in: text, from: index), !isMasked[index..<end].contains(true) {
                    ends[index] = end
                    for place in index..<end { isMasked[place] = true }
                    index = end
                } else {
                    index += 1
                }
            }
        }
        var output: [UInt8] = []
        var index = 0
        while index < text.count {
            if let end = ends[index] {
                output += mask
                index = end
            } else {
                output.append(text[index])
                index += 1
            }
        }
        return output
    }

    /// Where a secret ends that begins at a place of the text; nil where it does not stand there.
    private static func end(of secret: [UInt8], in text: [UInt8], from start: Int) -> Int? {
        // A secret may look like an escape itself.
        if text[start...].starts(with: secret) { return start + secret.count }
        var index = start
        for byte in secret {
            guard index < text.count, let length = length(of: byte, in: text, at: index) else { return nil }
            index += length
        }
        return index
    }

    /// How many bytes stand for a byte, which may be escaped as in JSON (`\/`, `\u002b`; RFC 8259 section 7) or in a
    /// URL (`%2B`; RFC 3986 section 2.1); nil where another one stands there.
    private static func length(of byte: UInt8, in text: [UInt8], at index: Int) -> Int? {
        func hex(_ digits: Range<Int>) -> Bool {
            digits.upperBound <= text.count
                && UInt16(String(decoding: text[digits], as: UTF8.self), radix: 16) == UInt16(byte)
        }
        switch text[index] {
        case UInt8(ascii: "\\") where index + 1 < text.count:
            if text[index + 1] == byte { return 2 }
            if text[index + 1] == UInt8(ascii: "u"), hex((index + 2)..<(index + 6)) { return 6 }
        case UInt8(ascii: "%") where hex((index + 1)..<(index + 3)): return 3
        default: break
        }
        return text[index] == byte ? 1 : nil
    }
}
