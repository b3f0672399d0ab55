/// Finds a text in another one byte by byte in linear time, by Knuth, Morris and Pratt.
///
/// A search which compares at each place would take the product of both lengths, and both may be 1 MiB.
struct TextSearch {
    private let wanted: [UInt8]
    /// For each byte how long a start of `wanted` ends there: where to go on after a mismatch behind it.
    private let borders: [Int32]

    init(_ wanted: String) {
        self.wanted = Array(wanted.utf8)
        var borders = [Int32](repeating: 0, count: self.wanted.count)
        var length = 0
        for index in self.wanted.indices.dropFirst() {
            while length > 0, self.wanted[index] != self.wanted[length] { length = Int(borders[length - 1]) }
            if self.wanted[index] == self.wanted[length] { length += 1 }
            borders[index] = Int32(length)
        }
        self.borders = borders
    }

    /// Byte offset of the first place, or nil where there is none.
    func firstPlace(in text: String) -> Int? {
        if wanted.isEmpty { return 0 }
        return places(in: text, atMost: 1).first
    }

    /// Byte offsets of the places which do not overlap, from left to right.
    func places(in text: String, atMost most: Int) -> [Int] {
        var places: [Int] = []
        guard !wanted.isEmpty else { return places }
        var matched = 0
        let bytes = text.utf8Span.span
        for index in bytes.indices {
            let byte = bytes[index]
            while matched > 0, byte != wanted[matched] { matched = Int(borders[matched - 1]) }
            if byte == wanted[matched] { matched += 1 }
            guard matched == wanted.count else { continue }
            places.append(index + 1 - matched)
            if places.count == most { break }
            matched = 0
        }
        return places
    }
}
