package import JSON

extension TemplateValue {
    /// Parses one JSON text.
    /// - Throws: the first fault with its byte offset; a duplicate key is always one.
    package static func parse(
        _ bytes: [UInt8], limits: JSONLimits = JSONLimits()
    ) throws(JSONError) -> TemplateValue {
        let input = bytes.span
        var reader = TemplateValueReader(scanner: try JSONScanner(input, limits: limits))
        let value = try reader.value(try reader.scanner.next(input), input)
        // Nothing but space may follow.
        _ = try reader.scanner.next(input)
        return value
    }
}

/// Makes values of a scanner's tokens; the scanner bounds how deep it goes.
private struct TemplateValueReader {
    /// Room for as many as most objects have.
    private static let fewMembers = 4

    var scanner: JSONScanner

    mutating func value(_ token: JSONToken, _ input: Span<UInt8>) throws(JSONError) -> TemplateValue {
        switch token {
        case .beginObject: .object(try object(input))
        case .beginArray: .list(try list(input))
        case .scalar(.string): .string(scanner.text(input))
        case .scalar(.number): .number(TemplateNumber(JSONNumber(checked: scanner.text(input))))
        case .scalar(.bool(let value)): .bool(value)
        case .scalar(.null), .key, .endObject, .endArray, .end: .null
        }
    }

    private mutating func object(_ input: Span<UInt8>) throws(JSONError) -> TemplateFields {
        var members: [TemplateFields.Member] = []
        members.reserveCapacity(TemplateValueReader.fewMembers)
        while case .key = try scanner.next(input) {
            let key = FieldKey(scanner.text(input))
            members.append(TemplateFields.Member(key, try value(try scanner.next(input), input)))
        }
        return TemplateFields(members)
    }

    private mutating func list(_ input: Span<UInt8>) throws(JSONError) -> TemplateList {
        var elements: [TemplateValue] = []
        while true {
            let token = try scanner.next(input)
            if case .endArray = token { return TemplateList(elements) }
            elements.append(try value(token, input))
        }
    }
}
