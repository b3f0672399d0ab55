/// What kind of scalar the scanner met; its text comes beside it.
package enum JSONScalar: Sendable, Equatable {
    case null
    case bool(Bool)
    case number
    case string
}

/// Receives what a scan sees, in the order of the text. Strings and keys come with their escapes resolved.
package protocol JSONVisitor {
    mutating func scalar(_ scalar: JSONScalar, text: Span<UInt8>, at offset: Int)
    mutating func key(_ text: Span<UInt8>, at offset: Int)
    mutating func beginObject(at offset: Int)
    mutating func endObject()
    mutating func beginArray(at offset: Int)
    mutating func endArray()
    /// A key that stands a second time; called only where the limits do not refuse duplicates.
    mutating func duplicateKey(at offset: Int)
}

extension JSONVisitor {
    package mutating func duplicateKey(at offset: Int) {}
}

/// Reads one JSON text in one pass, strictly by RFC 8259: UTF-8, no byte order mark, no trailing text or commas.
package struct JSONScanner {
    private let bytes: [UInt8]
    private let limits: JSONLimits
    private var index = 0
    private var depth = 0
    private var scratch: [UInt8] = []
    private var keys = JSONKeyLedger()

    private init(bytes: [UInt8], limits: JSONLimits) {
        self.bytes = bytes
        self.limits = limits
    }

    /// Scans a whole text and tells the visitor what is in it.
    /// - Throws: the first fault; the visitor has then seen only a part of the text.
    package static func scan(
        _ bytes: [UInt8], limits: JSONLimits = JSONLimits(), visitor: inout some JSONVisitor
    ) throws(JSONError) {
        guard bytes.count <= limits.size else { throw JSONError(.tooLarge(limit: limits.size), offset: limits.size) }
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { throw JSONError(.byteOrderMark, offset: 0) }
        do { _ = try UTF8Span(validating: bytes.span) } catch {
            throw JSONError(.invalidUTF8, offset: error.byteOffsets.lowerBound)
        }
        var scanner = JSONScanner(bytes: bytes, limits: limits)
        try scanner.value(&visitor)
        scanner.skipSpace()
        guard scanner.index == bytes.count else { throw scanner.fault(.trailingText) }
    }

    private mutating func value(_ visitor: inout some JSONVisitor) throws(JSONError) {
        skipSpace()
        let start = index
        switch try peek() {
        case UInt8(ascii: "{"): try object(&visitor)
        case UInt8(ascii: "["): try array(&visitor)
        case UInt8(ascii: "\""):
            let plain = try string()
            withText(plain) { visitor.scalar(.string, text: $0, at: start) }
        case UInt8(ascii: "t"): try literal("true", .bool(true), &visitor)
        case UInt8(ascii: "f"): try literal("false", .bool(false), &visitor)
        case UInt8(ascii: "n"): try literal("null", .null, &visitor)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            guard let end = JSONNumber.end(in: bytes, from: start) else { throw fault(.badNumber) }
            index = end
            visitor.scalar(.number, text: bytes.span.extracting(start..<end), at: start)
        default: throw unexpected("a value")
        }
    }

    private mutating func object(_ visitor: inout some JSONVisitor) throws(JSONError) {
        try open()
        visitor.beginObject(at: index - 1)
        keys.beginObject()
        if try next(closes: UInt8(ascii: "}")) == false {
            repeat {
                try member(&visitor)
            } while try more(before: UInt8(ascii: "}"), name: "',' or '}'")
        }
        keys.endObject()
        depth -= 1
        visitor.endObject()
    }

    private mutating func member(_ visitor: inout some JSONVisitor) throws(JSONError) {
        skipSpace()
        let start = index
        guard try peek() == UInt8(ascii: "\"") else { throw unexpected("a key in double quotes") }
        let plain = try string()
        let isNew =
            switch plain {
            case .input(let range): keys.add(bytes[range])
            case .scratch: keys.add(scratch[...])
            }
        if !isNew {
            if limits.refusesDuplicates {
                throw JSONError(.duplicateKey(withText(plain) { String(span: $0) }), offset: start)
            }
            visitor.duplicateKey(at: start)
        }
        withText(plain) { visitor.key($0, at: start) }
        skipSpace()
        guard try peek() == UInt8(ascii: ":") else { throw unexpected("':'") }
        index += 1
        try value(&visitor)
    }

    private mutating func array(_ visitor: inout some JSONVisitor) throws(JSONError) {
        try open()
        visitor.beginArray(at: index - 1)
        if try next(closes: UInt8(ascii: "]")) == false {
            repeat { try value(&visitor) } while try more(before: UInt8(ascii: "]"), name: "',' or ']'")
        }
        depth -= 1
        visitor.endArray()
    }

    private mutating func open() throws(JSONError) {
        guard depth < limits.depth else { throw fault(.tooDeep(limit: limits.depth)) }
        depth += 1
        index += 1
    }

    /// Whether the container is empty; if so, its closing byte is consumed.
    private mutating func next(closes close: UInt8) throws(JSONError) -> Bool {
        skipSpace()
        guard try peek() == close else { return false }
        index += 1
        return true
    }

    /// After a value: a comma means another one follows, the closing byte ends the container.
    private mutating func more(before close: UInt8, name: String) throws(JSONError) -> Bool {
        skipSpace()
        let byte = try peek()
        guard byte == UInt8(ascii: ",") || byte == close else { throw unexpected(name) }
        index += 1
        if byte == close { return false }
        let comma = index - 1
        skipSpace()
        if try peek() == close { throw JSONError(.trailingComma, offset: comma) }
        return true
    }

    private mutating func literal(
        _ word: StaticString, _ scalar: JSONScalar, _ visitor: inout some JSONVisitor
    ) throws(JSONError) {
        let start = index
        for wanted in word.description.utf8 {
            guard try peek() == wanted else { throw unexpected(word.description) }
            index += 1
        }
        visitor.scalar(scalar, text: bytes.span.extracting(start..<index), at: start)
    }

    private func peek() throws(JSONError) -> UInt8 {
        guard index < bytes.count else { throw fault(.unexpectedEnd) }
        return bytes[index]
    }

    private mutating func skipSpace() {
        while index < bytes.count {
            switch bytes[index] {
            case 0x20, 0x0A, 0x0D, 0x09: index += 1
            default: return
            }
        }
    }

    private func fault(_ kind: JSONError.Kind) -> JSONError { JSONError(kind, offset: index) }

    private func unexpected(_ wanted: String) -> JSONError {
        guard index < bytes.count else { return fault(.unexpectedEnd) }
        let byte = bytes[index]
        if byte == UInt8(ascii: "/") || byte == UInt8(ascii: "#") { return fault(.comment) }
        return fault(.unexpected(byte, wanted: wanted))
    }
}

// MARK: - Strings

extension JSONScanner {
    /// Where a string's resolved text stands: in the input itself, or in the scratch buffer.
    private enum PlainText {
        case input(Range<Int>)
        case scratch
    }

    private func withText<Result>(_ plain: PlainText, _ body: (Span<UInt8>) -> Result) -> Result {
        switch plain {
        case .input(let range): body(bytes.span.extracting(range))
        case .scratch: body(scratch.span)
        }
    }

    /// Consumes a string literal; the text stays valid until the next string.
    private mutating func string() throws(JSONError) -> PlainText {
        index += 1
        let start = index
        while index < bytes.count {
            switch bytes[index] {
            case UInt8(ascii: "\""):
                index += 1
                return .input(start..<index - 1)
            case UInt8(ascii: "\\"):
                scratch.removeAll(keepingCapacity: true)
                scratch.append(contentsOf: bytes[start..<index])
                try escapedString()
                return .scratch
            case 0..<0x20: throw fault(.controlCharacter)
            default: index += 1
            }
        }
        throw fault(.unexpectedEnd)
    }

    private mutating func escapedString() throws(JSONError) {
        while index < bytes.count {
            let byte = bytes[index]
            switch byte {
            case UInt8(ascii: "\""):
                index += 1
                return
            case UInt8(ascii: "\\"): try escape()
            case 0..<0x20: throw fault(.controlCharacter)
            default:
                scratch.append(byte)
                index += 1
            }
        }
        throw fault(.unexpectedEnd)
    }

    private mutating func escape() throws(JSONError) {
        guard index + 1 < bytes.count else { throw JSONError(.unexpectedEnd, offset: bytes.count) }
        let resolved: UInt8
        switch bytes[index + 1] {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): resolved = bytes[index + 1]
        case UInt8(ascii: "b"): resolved = 0x08
        case UInt8(ascii: "f"): resolved = 0x0C
        case UInt8(ascii: "n"): resolved = 0x0A
        case UInt8(ascii: "r"): resolved = 0x0D
        case UInt8(ascii: "t"): resolved = 0x09
        case UInt8(ascii: "u"): return try unicodeEscape()
        default: throw fault(.badEscape)
        }
        scratch.append(resolved)
        index += 2
    }

    private mutating func unicodeEscape() throws(JSONError) {
        let start = index
        let first = try hexUnit()
        var scalarValue = UInt32(first)
        if UTF16.isLeadSurrogate(first) {
            guard index + 1 < bytes.count, bytes[index] == UInt8(ascii: "\\"), bytes[index + 1] == UInt8(ascii: "u")
            else { throw JSONError(.loneSurrogate, offset: start) }
            let second = try hexUnit()
            guard UTF16.isTrailSurrogate(second) else { throw JSONError(.loneSurrogate, offset: start) }
            scalarValue = 0x10000 + (UInt32(first) - 0xD800) << 10 + (UInt32(second) - 0xDC00)
        }
        guard let scalar = Unicode.Scalar(scalarValue) else { throw JSONError(.loneSurrogate, offset: start) }
        scratch.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
    }

    /// Reads `\uXXXX` and steps behind it.
    private mutating func hexUnit() throws(JSONError) -> UInt16 {
        guard index + 6 <= bytes.count else { throw JSONError(.unexpectedEnd, offset: bytes.count) }
        var unit: UInt16 = 0
        for position in index + 2..<index + 6 {
            guard let digit = Character(UnicodeScalar(bytes[position])).hexDigitValue, bytes[position] < 0x80 else {
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
