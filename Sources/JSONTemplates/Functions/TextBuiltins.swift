import JSON

/// The functions on texts.
extension Renderer {
    /// `lowercase`, `uppercase` and the three that strip white space.
    mutating func changed(_ builtin: Builtin, _ arguments: [TemplateValue]) throws(TemplateError) -> TemplateValue {
        guard arguments.count == 1, case .string(let text) = arguments[0] else { throw .badArguments(builtin) }
        let isCase = builtin == .lowercase || builtin == .uppercase
        if isCase, text.utf8Span.isKnownASCII {
            try budget.makeText(bytes: text.utf8.count)
        } else {
            // A change of case makes a text at most three times as long.
            try budget.makeText(bytes: isCase ? 3 * text.utf8.count : text.utf8.count)
            try budget.spend(lookedUpBytes: text.utf8.count)
        }
        switch builtin {
        case .lowercase: return .string(text.lowercased())
        case .uppercase: return .string(text.uppercased())
        default: break
        }
        var scalars = text.unicodeScalars[...]
        if builtin != .rstrip { scalars = scalars.drop { $0.properties.isWhitespace } }
        while builtin != .lstrip, scalars.last?.properties.isWhitespace ?? false { scalars.removeLast() }
        return .string(String(scalars))
    }

    /// `number`: a JSON number keeps its spelling; `+5`, `007` and `5.` are numbers too.
    mutating func parsedNumber(_ arguments: [TemplateValue]) throws(TemplateError) -> TemplateValue {
        guard arguments.count == 1, case .string(let text) = arguments[0] else { throw .badArguments(.number) }
        try budget.spend(bytes: text.utf8.count)
        if let number = JSONNumber(text: text) { return .number(TemplateNumber(number)) }
        let allowed = "+-.0123456789eE".utf8
        guard text.utf8.allSatisfy({ allowed.contains($0) }), let value = Double(text),
            let number = TemplateNumber(value)
        else { throw .badArguments(.number) }
        return .number(number)
    }

    mutating func join(_ arguments: [TemplateValue]) throws(TemplateError) -> TemplateValue {
        guard arguments.count == 2, case .list(let list) = arguments[0], let separator = joint(arguments[1]) else {
            throw .badArguments(.join)
        }
        var joined = ""
        joined.reserveCapacity(list.size)
        for index in list.elements.indices {
            guard let text = list.elements[index].scalarText else { throw .badArguments(.join) }
            let added = text.utf8.count + separator.utf8.count
            try budget.checkSize(joined.utf8.count + added)
            try budget.spend(1 + added / 64)
            if index > 0 { joined += separator }
            joined += text
        }
        return .string(joined)
    }

    mutating func split(_ arguments: [TemplateValue]) throws(TemplateError) -> TemplateValue {
        guard arguments.count == 2, case .string(let text) = arguments[0], let separator = joint(arguments[1]) else {
            throw .badArguments(.split)
        }
        try budget.makeText(bytes: text.utf8.count + separator.utf8.count)
        if separator.isEmpty {
            try budget.spend(text.scalarCount)
            return try budget.list(text.unicodeScalars.map { .string(String($0)) })
        }
        let places = TextSearch(separator).places(in: text, atMost: .max)
        try budget.spend(places.count)
        var parts: [TemplateValue] = []
        var start = text.utf8.startIndex
        var offset = 0
        for place in places {
            let end = text.utf8.index(start, offsetBy: place - offset)
            parts.append(.string(String(text[start..<end])))
            start = text.utf8.index(end, offsetBy: separator.utf8.count)
            offset = place + separator.utf8.count
        }
        return try budget.list(parts + [.string(String(text[start...]))])
    }

    /// What stands between the parts of a text: a text or a number.
    private func joint(_ value: TemplateValue) -> String? {
        switch value {
        case .string(let text): text
        case .number(let number): number.text
        default: nil
        }
    }
}
