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

/// What the scanner meets, one after the other.
package enum JSONToken: Sendable, Equatable {
    case beginObject
    case endObject
    case beginArray
    case endArray
    case key
    case scalar(JSONScalar)
    case end
}

/// Reads one JSON text in one pass, strictly by RFC 8259: UTF-8, no byte order mark, no trailing text or commas.
///
/// It hands out tokens, so that a caller in another module pays a plain call for each: a generic visitor would be
/// called through a witness table there, which takes twice as long. The caller passes the same text each time, as a
/// span, which spares the counting of references.
package struct JSONScanner {
    /// What may come next.
    private enum Place {
        case value
        case firstElement
        case firstKey
        case behindValue
        case end
    }

    private let limits: JSONLimits
    var index = 0
    var scratch: [UInt8] = []
    private var place = Place.value
    private var depth = 0
    /// A bit for each open container, the innermost the lowest: 1 where it is an object.
    private var objects: UInt128 = 0
    private var keys = JSONKeyLedger()

    /// Byte offset of the last token's first byte.
    package private(set) var start = 0
    /// Where the text of the last key or scalar stands in the input, if it does.
    package private(set) var textRange = 0..<0
    /// Whether the text of the last key or string had escapes; it is then in `resolvedText` instead.
    package private(set) var hasEscapes = false
    package var resolvedText: [UInt8] { scratch }
    /// Whether the last key stood in its object before; possible only where the limits allow it.
    package private(set) var isDuplicateKey = false

    /// Checks what can be said of the text as a whole.
    package init(_ input: Span<UInt8>, limits: JSONLimits = JSONLimits()) throws(JSONError) {
        guard input.count <= limits.size else { throw JSONError(.tooLarge(limit: limits.size), offset: limits.size) }
        if input.count >= 3, input[0] == 0xEF, input[1] == 0xBB, input[2] == 0xBF {
            throw JSONError(.byteOrderMark, offset: 0)
        }
        do { _ = try UTF8Span(validating: input) } catch {
            throw JSONError(.invalidUTF8, offset: error.byteOffsets.lowerBound)
        }
        self.limits = limits
    }

    /// Scans a whole text and tells the visitor what is in it.
    /// - Throws: the first fault; the visitor has then seen only a part of the text.
    package static func scan(
        _ bytes: [UInt8], limits: JSONLimits = JSONLimits(), visitor: inout some JSONVisitor
    ) throws(JSONError) {
        let input = bytes.span
        var scanner = try JSONScanner(input, limits: limits)
        while true {
            switch try scanner.next(input) {
            case .beginObject: visitor.beginObject(at: scanner.start)
            case .endObject: visitor.endObject()
            case .beginArray: visitor.beginArray(at: scanner.start)
            case .endArray: visitor.endArray()
            case .key:
                if scanner.isDuplicateKey { visitor.duplicateKey(at: scanner.start) }
                scanner.withText(input) { visitor.key($0, at: $1) }
            case .scalar(let scalar): scanner.withText(input) { visitor.scalar(scalar, text: $0, at: $1) }
            case .end: return
            }
        }
    }

    /// Passes the text of the last key or scalar and its place.
    package func withText(_ input: Span<UInt8>, _ body: (Span<UInt8>, Int) -> Void) {
        if hasEscapes { body(scratch.span, start) } else { body(input.extracting(textRange), start) }
    }

    /// A copy of the text of the last key or scalar.
    package func text(_ input: Span<UInt8>) -> String {
        hasEscapes ? String(span: scratch.span) : String(span: input.extracting(textRange))
    }

    /// Reads the next token; `.end` once the text is over.
    package mutating func next(_ input: Span<UInt8>) throws(JSONError) -> JSONToken {
        skipSpace(input)
        guard index < input.count else {
            guard place == .end else { throw fault(.unexpectedEnd) }
            return .end
        }
        start = index
        let byte = input[index]
        switch place {
        case .behindValue:
            if byte == UInt8(ascii: ",") {
                try comma(input)
                start = index
                return objects & 1 == 1 ? try key(input) : try value(input)
            }
            return try close(input, byte)
        case .firstKey where byte == UInt8(ascii: "}"), .firstElement where byte == UInt8(ascii: "]"):
            return try close(input, byte)
        case .firstKey: return try key(input)
        case .value, .firstElement: return try value(input)
        case .end: throw isComment(byte) ? fault(.comment) : fault(.trailingText)
        }
    }

    private mutating func value(_ input: Span<UInt8>) throws(JSONError) -> JSONToken {
        let scalar: JSONScalar
        switch input[index] {
        case UInt8(ascii: "\""):
            try string(input)
            scalar = .string
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            guard let end = JSONNumber.end(in: input, from: index) else { throw fault(.badNumber) }
            index = end
            (textRange, hasEscapes) = (start..<index, false)
            scalar = .number
        case UInt8(ascii: "{"):
            try open(isObject: true)
            keys.beginObject()
            return .beginObject
        case UInt8(ascii: "["):
            try open(isObject: false)
            return .beginArray
        default:
            scalar = try literal(input)
            (textRange, hasEscapes) = (start..<index, false)
        }
        place = depth == 0 ? .end : .behindValue
        return .scalar(scalar)
    }

    private mutating func key(_ input: Span<UInt8>) throws(JSONError) -> JSONToken {
        guard input[index] == UInt8(ascii: "\"") else { throw unexpected(input, wanted: "a key in double quotes") }
        try string(input)
        isDuplicateKey = hasEscapes ? !keys.add(scratch, in: input) : !keys.add(textRange, of: input)
        if isDuplicateKey, limits.refusesDuplicates {
            throw JSONError(.duplicateKey(text(input)), offset: start)
        }
        skipSpace(input)
        guard index < input.count else { throw fault(.unexpectedEnd) }
        guard input[index] == UInt8(ascii: ":") else { throw unexpected(input, wanted: "':'") }
        index += 1
        place = .value
        return .key
    }
}

// MARK: - Punctuation

extension JSONScanner {
    /// The depth that the bits of `objects` can hold.
    private static let mostDepth = 128

    private mutating func open(isObject: Bool) throws(JSONError) {
        let limit = min(limits.depth, JSONScanner.mostDepth)
        guard depth < limit else { throw fault(.tooDeep(limit: limit)) }
        depth += 1
        index += 1
        objects = objects << 1 | (isObject ? 1 : 0)
        place = isObject ? .firstKey : .firstElement
    }

    private mutating func close(_ input: Span<UInt8>, _ byte: UInt8) throws(JSONError) -> JSONToken {
        let isObject = objects & 1 == 1
        guard byte == (isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) else {
            throw unexpected(input, wanted: isObject ? "',' or '}'" : "',' or ']'")
        }
        index += 1
        depth -= 1
        objects >>= 1
        place = depth == 0 ? .end : .behindValue
        if isObject { keys.endObject() }
        return isObject ? .endObject : .endArray
    }

    /// Consumes a comma and the space behind it; what follows must not be the end of the container.
    private mutating func comma(_ input: Span<UInt8>) throws(JSONError) {
        let comma = index
        index += 1
        skipSpace(input)
        guard index < input.count else { throw fault(.unexpectedEnd) }
        if input[index] == (objects & 1 == 1 ? UInt8(ascii: "}") : UInt8(ascii: "]")) {
            throw JSONError(.trailingComma, offset: comma)
        }
    }

    private mutating func literal(_ input: Span<UInt8>) throws(JSONError) -> JSONScalar {
        switch input[index] {
        case UInt8(ascii: "t"): return try literal(input, "true", .bool(true))
        case UInt8(ascii: "f"): return try literal(input, "false", .bool(false))
        case UInt8(ascii: "n"): return try literal(input, "null", .null)
        default: throw unexpected(input, wanted: "a value")
        }
    }

    private mutating func literal(
        _ input: Span<UInt8>, _ word: String, _ scalar: JSONScalar
    ) throws(JSONError) -> JSONScalar {
        for wanted in word.utf8 {
            guard index < input.count else { throw fault(.unexpectedEnd) }
            guard input[index] == wanted else { throw unexpected(input, wanted: word) }
            index += 1
        }
        return scalar
    }

    @inline(__always)
    private mutating func skipSpace(_ input: Span<UInt8>) {
        // Most tokens follow each other at once; a local index stays in a register.
        var position = index
        while position < input.count, input[position] <= 0x20 {
            let byte = input[position]
            guard byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { break }
            position += 1
        }
        index = position
    }

    /// Consumes a string literal and says where its text is.
    private mutating func string(_ input: Span<UInt8>) throws(JSONError) {
        let first = index + 1
        var end = first
        while end < input.count {
            let byte = input[end]
            if byte == UInt8(ascii: "\"") {
                (textRange, hasEscapes) = (first..<end, false)
                index = end + 1
                return
            }
            if byte < 0x20 || byte == UInt8(ascii: "\\") { break }
            end += 1
        }
        index = end
        scratch.removeAll(keepingCapacity: true)
        for position in first..<end { scratch.append(input[position]) }
        try escapedString(input)
        hasEscapes = true
    }
}

// MARK: - Faults

extension JSONScanner {
    func fault(_ kind: JSONError.Kind) -> JSONError { JSONError(kind, offset: index) }

    private func unexpected(_ input: Span<UInt8>, wanted: String) -> JSONError {
        fault(isComment(input[index]) ? .comment : .unexpected(input[index], wanted: wanted))
    }

    private func isComment(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "/") || byte == UInt8(ascii: "#") }
}
