/// Letters in simple lower case: each scalar becomes its lower-case mapping where that is a single scalar.
enum CaseFolding {
    static func fold(_ text: String) -> [UInt8] { fold(Array(text.utf8).span) }

    static func fold(_ text: Span<UInt8>) -> [UInt8] {
        var folded: [UInt8] = []
        folded.reserveCapacity(text.count)
        var bytes = FoldedBytes()
        while let byte = bytes.next(text) { folded.append(byte) }
        return folded
    }

    /// Compares as it goes, so that nothing is allocated and the first difference ends it.
    static func equals(_ text: Span<UInt8>, _ folded: [UInt8]) -> Bool {
        var bytes = FoldedBytes()
        for wanted in folded where bytes.next(text) != wanted { return false }
        return bytes.next(text) == nil
    }

    static func hasPrefix(_ text: Span<UInt8>, _ folded: [UInt8]) -> Bool {
        var bytes = FoldedBytes()
        for wanted in folded where bytes.next(text) != wanted { return false }
        return true
    }

    /// The hash of the folded text.
    static func hash(_ text: Span<UInt8>) -> UInt64 {
        var hash = TextHash()
        var bytes = FoldedBytes()
        while let byte = bytes.next(text) { hash.add(byte) }
        return hash.state
    }
}

/// Walks through the folded bytes of valid UTF-8.
private struct FoldedBytes {
    private var index = 0
    /// What is left of the last scalar outside of ASCII, the next byte the lowest.
    private var pending: UInt32 = 0

    mutating func next(_ text: Span<UInt8>) -> UInt8? {
        if pending != 0 { return takePending() }
        guard index < text.count else { return nil }
        let byte = text[index]
        guard byte >= 0x80 else {
            index += 1
            return byte &- UInt8(ascii: "A") < 26 ? byte | 0x20 : byte
        }
        foldScalar(text, byte)
        return takePending()
    }

    private mutating func takePending() -> UInt8 {
        let byte = UInt8(truncatingIfNeeded: pending)
        pending >>= 8
        return byte
    }

    /// Reads one scalar of two to four bytes (RFC 3629) and leaves its mapping in `pending`.
    private mutating func foldScalar(_ text: Span<UInt8>, _ first: UInt8) {
        let count = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4
        var value = UInt32(first) & (0x7F >> UInt32(count))
        var spelling = UInt32(first)
        for offset in 1..<count where index + offset < text.count {
            value = value << 6 | UInt32(text[index + offset] & 0x3F)
            spelling |= UInt32(text[index + offset]) << UInt32(8 * offset)
        }
        index += count
        let lowered = SimpleLowercase.mapping(of: value)
        pending = lowered == value ? spelling : FoldedBytes.encoded(lowered)
    }

    private static func encoded(_ value: UInt32) -> UInt32 {
        guard let scalar = Unicode.Scalar(value), let bytes = UTF8.encode(scalar) else { return 0 }
        var packed: UInt32 = 0
        for (position, byte) in bytes.enumerated() { packed |= UInt32(byte) << UInt32(8 * position) }
        return packed
    }
}

/// The simple lower-case mapping of scalars.
private enum SimpleLowercase {
    /// Up to here live the letters of Latin, Greek and Cyrillic, whose mappings are kept.
    private static let known: UInt32 = 0x530
    private static let table = (0..<known).map { compute($0) }

    static func mapping(of value: UInt32) -> UInt32 {
        value < known ? table[Int(value)] : compute(value)
    }

    private static func compute(_ value: UInt32) -> UInt32 {
        // To ask for the property is far cheaper than to ask for the text of the mapping.
        guard let scalar = Unicode.Scalar(value), scalar.properties.changesWhenLowercased else { return value }
        let mapped = scalar.properties.lowercaseMapping.unicodeScalars
        guard let first = mapped.first, mapped.count == 1 else { return value }
        return first.value
    }
}
