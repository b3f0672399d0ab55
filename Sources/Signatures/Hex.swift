/// Base 16 (RFC 4648, section 8).
package enum Hex {
    private static let digits: StaticString = "0123456789abcdef"

    /// The bytes that `digits` write in either case; nil for an odd count or for any other character.
    package static func decode(_ digits: ArraySlice<UInt8>) -> [UInt8]? {
        decode(digits.span)
    }

    /// The bytes that `digits` write in either case; nil for an odd count or for any other character.
    package static func decode(_ digits: Span<UInt8>) -> [UInt8]? {
        guard digits.count.isMultiple(of: 2) else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(digits.count / 2)
        for index in stride(from: 0, to: digits.count, by: 2) {
            guard let high = value(of: digits[index]), let low = value(of: digits[index + 1]) else { return nil }
            bytes.append(high << 4 | low)
        }
        return bytes
    }

    /// Two lower-case digits for each byte.
    package static func encode(_ bytes: [UInt8]) -> String {
        unsafe String(unsafeUninitializedCapacity: bytes.count * 2) { text in
            for (index, byte) in bytes.enumerated() {
                unsafe text[index * 2] = unsafe digits.utf8Start[Int(byte >> 4)]
                unsafe text[index * 2 + 1] = unsafe digits.utf8Start[Int(byte & 15)]
            }
            return bytes.count * 2
        }
    }

    private static func value(of digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
