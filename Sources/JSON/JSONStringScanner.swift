/// Strings with escapes.
extension JSONScanner {
    /// Resolves the rest of a string behind its first escape into the scratch buffer, closing quote included.
    mutating func escapedString(_ input: Span<UInt8>) throws(JSONError) {
        while index < input.count {
            let byte = input[index]
            switch byte {
            case UInt8(ascii: "\""):
                index += 1
                return
            case UInt8(ascii: "\\"): try escape(input)
            case 0..<0x20: throw fault(.controlCharacter)
            default:
                scratch.append(byte)
                index += 1
            }
        }
        throw fault(.unexpectedEnd)
    }

    private mutating func escape(_ input: Span<UInt8>) throws(JSONError) {
        guard index + 1 < input.count else { throw JSONError(.unexpectedEnd, offset: input.count) }
        let resolved: UInt8
        switch input[index + 1] {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): resolved = input[index + 1]
        case UInt8(ascii: "b"): resolved = 0x08
        case UInt8(ascii: "f"): resolved = 0x0C
        case UInt8(ascii: "n"): resolved = 0x0A
        case UInt8(ascii: "r"): resolved = 0x0D
        case UInt8(ascii: "t"): resolved = 0x09
        case UInt8(ascii: "u"): return try unicodeEscape(input)
        default: throw fault(.badEscape)
        }
        scratch.append(resolved)
        index += 2
    }

    private mutating func unicodeEscape(_ input: Span<UInt8>) throws(JSONError) {
        let start = index
        let first = try hexUnit(input)
        var scalarValue = UInt32(first)
        if UTF16.isLeadSurrogate(first) {
            guard index + 1 < input.count, input[index] == UInt8(ascii: "\\"), input[index + 1] == UInt8(ascii: "u")
            else { throw JSONError(.loneSurrogate, offset: start) }
            let second = try hexUnit(input)
            guard UTF16.isTrailSurrogate(second) else { throw JSONError(.loneSurrogate, offset: start) }
            scalarValue = 0x10000 + (UInt32(first) - 0xD800) << 10 + (UInt32(second) - 0xDC00)
        }
        guard let scalar = Unicode.Scalar(scalarValue) else { throw JSONError(.loneSurrogate, offset: start) }
        scratch.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
    }

    /// Reads `\uXXXX` and steps behind it.
    private mutating func hexUnit(_ input: Span<UInt8>) throws(JSONError) -> UInt16 {
        guard index + 6 <= input.count else { throw JSONError(.unexpectedEnd, offset: input.count) }
        var unit: UInt16 = 0
        for position in index + 2..<index + 6 {
            guard let digit = Character(UnicodeScalar(input[position])).hexDigitValue, input[position] < 0x80 else {
                throw fault(.badEscape)
            }
            unit = unit << 4 | UInt16(digit)
        }
        index += 6
        return unit
    }
}

extension String {
    /// Copies UTF-8 that has been validated.
    init(span: Span<UInt8>) {
        if let valid = try? UTF8Span(validating: span) {
            self = String(copying: valid)
        } else {
            self = ""
        }
    }
}
