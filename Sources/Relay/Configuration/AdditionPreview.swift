package import JSON

/// Shows insertions as a unified diff with three lines around them. What stands behind the host of a URL is not shown.
package struct AdditionPreview {
    private static let context = 3

    private let old: [String]
    private let new: [String]
    /// How many lines each changed line of the old text gains.
    private let gains: [Int: Int]
    private let endsWithLineEnd: Bool

    package init(_ insertions: [JSONInsertion], in bytes: [UInt8]) {
        let newLine = UInt8(ascii: "\n")
        old = AdditionPreview.lines(maskingURLs(bytes))
        new = AdditionPreview.lines(maskingURLs(insertions.applied(to: bytes)))
        gains = insertions.reduce(into: [:]) { gains, insertion in
            let line = bytes[..<insertion.offset].count { $0 == newLine }
            gains[line, default: 0] += insertion.bytes.count { $0 == newLine }
        }
        endsWithLineEnd = bytes.last == newLine
    }

    private static func lines(_ bytes: [UInt8]) -> [String] {
        var lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        if lines.last?.isEmpty == true { lines.removeLast() }
        return lines.map { String(decoding: $0, as: UTF8.self) }
    }

    /// The lines of the diff, those of a file with Windows' line ends with their carriage return.
    package func lines(file: String) -> [String] {
        ["--- \(file)", "+++ \(file)"] + hunks.flatMap(lines)
    }

    /// Lines that changed, together where the lines around them meet.
    private var hunks: [[Int]] {
        gains.keys.sorted().reduce(into: []) { hunks, line in
            if let last = hunks.last?.last, line - last <= 2 * AdditionPreview.context {
                hunks[hunks.count - 1].append(line)
            } else {
                hunks.append([line])
            }
        }
    }

    private func lines(_ hunk: [Int]) -> [String] {
        guard let first = hunk.first, let last = hunk.last else { return [] }
        let range = max(0, first - AdditionPreview.context)..<min(old.count, last + AdditionPreview.context + 1)
        var newLine = range.lowerBound + gains.reduce(0) { $0 + ($1.key < range.lowerBound ? $1.value : 0) }
        let gained = hunk.reduce(0) { $0 + (gains[$1] ?? 0) }
        var lines = [
            "@@ -\(range.lowerBound + 1),\(range.count) +\(newLine + 1),\(range.count + gained) @@"
        ]
        for line in range {
            let count = 1 + (gains[line] ?? 0)
            if gains[line] == nil {
                lines += marked(" ", old, line..<line + 1)
            } else {
                lines += marked("-", old, line..<line + 1) + marked("+", new, newLine..<newLine + count)
            }
            newLine += count
        }
        return lines
    }

    private func marked(_ mark: String, _ text: [String], _ range: Range<Int>) -> [String] {
        let lacksEnd = range.upperBound == text.count && !endsWithLineEnd
        return text[range].map { mark + $0 } + (lacksEnd ? ["\\ No newline at end of file"] : [])
    }
}

extension [JSONInsertion] {
    /// The text with all of them, which are in its order.
    package func applied(to text: [UInt8]) -> [UInt8] { reversed().reduce(text) { $1.applied(to: $0) } }
}

/// A JSON text with every URL in it shortened to scheme and host.
func maskingURLs(_ bytes: [UInt8]) -> [UInt8] {
    guard let root = try? JSONNode.parse(bytes) else { return [] }
    var masked: [UInt8] = []
    var start = 0
    for (offset, text) in urls(root) {
        masked += bytes[start..<offset] + JSONSerializer.quoted(redactedURL(text)).utf8
        start = endOfString(bytes, from: offset)
    }
    return masked + bytes[start...]
}

/// The strings that are URLs, in the order of the text.
private func urls(_ node: JSONNode) -> [(offset: Int, text: String)] {
    switch node.kind {
    case .array(let elements): return elements.flatMap(urls)
    case .object(let members): return members.flatMap { urls($0.value) }
    case .string(let text):
        let start = text.prefix(8).lowercased()
        return start.hasPrefix("http://") || start.hasPrefix("https://") ? [(node.offset, text)] : []
    default: return []
    }
}

/// Behind the closing quote of the string that begins at this offset of a valid text.
private func endOfString(_ bytes: [UInt8], from offset: Int) -> Int {
    var index = offset + 1
    while bytes[index] != UInt8(ascii: "\"") { index += bytes[index] == UInt8(ascii: "\\") ? 2 : 1 }
    return index + 1
}
