/// A JSON number that remembers its own spelling, so that a 30-digit id or `1.0` leaves as it came.
package struct JSONNumber: Sendable, Hashable {
    /// The literal as RFC 8259 section 6 spells it; the parser or `init?(text:)` has checked the grammar.
    package let text: String

    /// - Parameter text: what a scanner called a number.
    package init(checked text: String) { self.text = text }

    /// Makes a number from its spelling, or nil where RFC 8259 would not call it one.
    package init?(text: String) {
        let bytes = Array(text.utf8)
        guard let end = JSONNumber.end(in: bytes.span, from: 0), end == bytes.count else { return nil }
        self.text = text
    }

    package init(_ value: Int) { self.text = String(value) }

    package init(_ value: Int64) { self.text = String(value) }

    /// The nearest IEEE 754 double; infinite where the literal is beyond its range (`1e400`).
    package var double: Double { Double(text) ?? .nan }

    /// The nearest double of a number literal that has been checked.
    package static func double(of text: Span<UInt8>) -> Double {
        // Whole numbers of up to 15 digits are exact, and nearly all numbers are of that kind.
        if text.count <= 15 {
            var whole = 0
            var index = 0
            while index < text.count, isDigit(text[index]) {
                whole = whole * 10 + Int(text[index] - UInt8(ascii: "0"))
                index += 1
            }
            if index == text.count { return Double(whole) }
        }
        return Double(String(span: text)) ?? .nan
    }

    /// The value as a whole number of 64 bits, or nil where it has a fraction, an exponent or more digits.
    package var int64: Int64? { Int64(text) }

    /// The offset behind the number literal that starts at `start`, or nil where there is none.
    static func end(in bytes: Span<UInt8>, from start: Int) -> Int? {
        var index = start
        if index < bytes.count, bytes[index] == UInt8(ascii: "-") { index += 1 }
        guard index < bytes.count, isDigit(bytes[index]) else { return nil }
        if bytes[index] == UInt8(ascii: "0") { index += 1 } else { skipDigits(in: bytes, &index) }
        if index < bytes.count, bytes[index] == UInt8(ascii: ".") {
            index += 1
            guard index < bytes.count, isDigit(bytes[index]) else { return nil }
            skipDigits(in: bytes, &index)
        }
        if index < bytes.count, bytes[index] | 0x20 == UInt8(ascii: "e") {
            index += 1
            if index < bytes.count, [UInt8(ascii: "+"), UInt8(ascii: "-")].contains(bytes[index]) { index += 1 }
            guard index < bytes.count, isDigit(bytes[index]) else { return nil }
            skipDigits(in: bytes, &index)
        }
        return index
    }

    private static func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }

    private static func skipDigits(in bytes: Span<UInt8>, _ index: inout Int) {
        while index < bytes.count, isDigit(bytes[index]) { index += 1 }
    }
}
