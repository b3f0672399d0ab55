/// A text with `*` for any run of characters; `\*` and `\\` stand for themselves.
package struct Wildcard: Sendable, Hashable {
    /// What stands between the stars; the first piece is anchored at the start, the last one at the end.
    private let pieces: [Piece]

    /// Why a text is not a wildcard.
    package enum Fault: Error {
        case twoStars
        case badEscape
    }

    package init(_ pattern: String) throws(Fault) {
        var pieces: [[UInt8]] = [[]]
        var previousIsStar = false
        var rest = pattern.utf8.makeIterator()
        while let byte = rest.next() {
            let isStar = byte == UInt8(ascii: "*")
            if isStar, previousIsStar { throw .twoStars }
            previousIsStar = isStar
            if isStar {
                pieces.append([])
            } else if byte == UInt8(ascii: "\\") {
                guard let escaped = rest.next(), escaped == UInt8(ascii: "*") || escaped == UInt8(ascii: "\\") else {
                    throw .badEscape
                }
                pieces[pieces.count - 1].append(escaped)
            } else {
                pieces[pieces.count - 1].append(byte)
            }
        }
        self.pieces = pieces.map(Piece.init)
    }

    /// What stands between the stars.
    var literals: [[UInt8]] { pieces.map(\.bytes) }

    /// What each text that fits begins and ends with.
    var prefix: [UInt8] { pieces.first?.bytes ?? [] }
    var suffix: [UInt8] { pieces.last?.bytes ?? [] }

    /// Whether the whole text fits; each piece is taken at its first place, so the time grows with the text only.
    package func matches(_ text: Span<UInt8>) -> Bool {
        guard let first = pieces.first, let last = pieces.last else { return false }
        guard pieces.count > 1 else { return text.equals(first.bytes) }
        guard text.count >= first.bytes.count + last.bytes.count, text.hasPrefix(first.bytes),
            text.hasSuffix(last.bytes)
        else { return false }
        var from = first.bytes.count
        let end = text.count - last.bytes.count
        for piece in pieces[1..<pieces.count - 1] {
            guard let behind = piece.end(in: text, from: from, to: end) else { return false }
            from = behind
        }
        return true
    }

    /// A literal run with the table of Knuth, Morris and Pratt, which never looks at a byte of the text twice.
    private struct Piece: Sendable, Hashable {
        let bytes: [UInt8]
        private let fallback: [Int]

        init(_ bytes: [UInt8]) {
            self.bytes = bytes
            var fallback = [Int](repeating: 0, count: bytes.count)
            var length = 0
            for index in bytes.indices.dropFirst() {
                while length > 0, bytes[index] != bytes[length] { length = fallback[length - 1] }
                if bytes[index] == bytes[length] { length += 1 }
                fallback[index] = length
            }
            self.fallback = fallback
        }

        /// The offset behind the first place of this piece in a part of the text.
        func end(in text: Span<UInt8>, from start: Int, to end: Int) -> Int? {
            var length = 0
            if bytes.isEmpty { return start }
            for index in start..<end {
                // Most bytes begin nothing.
                if length == 0, text[index] != bytes[0] { continue }
                while length > 0, text[index] != bytes[length] { length = fallback[length - 1] }
                if text[index] == bytes[length] { length += 1 }
                if length == bytes.count { return index + 1 }
            }
            return nil
        }
    }
}
