/// Base 64 (RFC 4648, sections 4 and 5).
package enum Base64 {
    private static let digits: StaticString = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

    /// The standard alphabet, padded.
    package static func encode(_ bytes: [UInt8]) -> String {
        let length = (bytes.count + 2) / 3 * 4
        return unsafe String(unsafeUninitializedCapacity: length) { text in
            for group in 0..<length / 4 {
                let start = group * 3
                let present = min(3, bytes.count - start)
                let bits = (0..<3).reduce(0) { $0 << 8 | ($1 < present ? Int(bytes[start + $1]) : 0) }
                for place in 0..<4 {
                    let digit = unsafe digits.utf8Start[bits >> (18 - 6 * place) & 63]
                    unsafe text[group * 4 + place] = place <= present ? digit : UInt8(ascii: "=")
                }
            }
            return length
        }
    }

    /// The bytes that `text` writes, by the rules of the other `decode`.
    package static func decode(_ text: ArraySlice<UInt8>) -> [UInt8]? {
        decode(text.span)
    }

    /// The bytes that `text` writes in the standard or the URL alphabet, padded in full or not at all.
    ///
    /// Nil for white space, for both alphabets in one text, for padding that is not exactly what the length asks for
    /// and for a lone last digit. Bits of the last digit that belong to no byte may have any value.
    package static func decode(_ text: Span<UInt8>) -> [UInt8]? {
        guard let count = digitCount(of: text) else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count * 3 / 4)
        var bits: UInt32 = 0
        var standard = false
        var webSafe = false
        for index in 0..<count {
            let digit = text[index]
            guard let value = value(of: digit) else { return nil }
            standard = standard || digit == UInt8(ascii: "+") || digit == UInt8(ascii: "/")
            webSafe = webSafe || digit == UInt8(ascii: "-") || digit == UInt8(ascii: "_")
            bits = bits << 6 | UInt32(value)
            // Of each four digits the first completes no byte; the others leave 4, 2 and 0 bits over.
            let place = index & 3
            if place > 0 { bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(6 - 2 * place))) }
        }
        return standard && webSafe ? nil : bytes
    }

    /// How many of the characters are digits, not padding; nil where count and padding do not go together.
    private static func digitCount(of text: Span<UInt8>) -> Int? {
        var count = text.count
        while count > 0, text.count - count < 2, text[count - 1] == UInt8(ascii: "=") { count -= 1 }
        let padded = count < text.count
        if padded, !text.count.isMultiple(of: 4) { return nil }
        return count % 4 == 1 ? nil : count
    }

    private static func value(of digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): digit - UInt8(ascii: "A")
        case UInt8(ascii: "a")...UInt8(ascii: "z"): digit - UInt8(ascii: "a") + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0") + 52
        case UInt8(ascii: "+"), UInt8(ascii: "-"): 62
        case UInt8(ascii: "/"), UInt8(ascii: "_"): 63
        default: nil
        }
    }
}
