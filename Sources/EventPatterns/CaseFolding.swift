/// Letters in simple lower case: each scalar becomes its lower-case mapping where that is a single scalar.
enum CaseFolding {
    static func fold(_ text: String) -> [UInt8] {
        var folded: [UInt8] = []
        folded.reserveCapacity(text.utf8.count)
        for scalar in text.unicodeScalars {
            if scalar.isASCII {
                folded.append(lowered(UInt8(truncatingIfNeeded: scalar.value)))
            } else {
                folded.append(contentsOf: UTF8.encode(mapping(of: scalar)) ?? UTF8.encodedReplacementCharacter)
            }
        }
        return folded
    }

    static func fold(_ text: Span<UInt8>) -> [UInt8] {
        var isASCII = true
        var folded: [UInt8] = []
        folded.reserveCapacity(text.count)
        for index in text.indices {
            if text[index] >= 0x80 {
                isASCII = false
                break
            }
            folded.append(lowered(text[index]))
        }
        guard !isASCII, let valid = try? UTF8Span(validating: text) else { return folded }
        return fold(String(copying: valid))
    }

    private static func lowered(_ byte: UInt8) -> UInt8 {
        byte &- UInt8(ascii: "A") < 26 ? byte | 0x20 : byte
    }

    private static func mapping(of scalar: Unicode.Scalar) -> Unicode.Scalar {
        let mapped = scalar.properties.lowercaseMapping.unicodeScalars
        guard let first = mapped.first, mapped.count == 1 else { return scalar }
        return first
    }
}
