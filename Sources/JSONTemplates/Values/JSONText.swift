import JSON

/// Writes a value as compact JSON with its keys in order, as `$json` gives it.
struct JSONText {
    private(set) var text = ""

    /// - Throws: a budget's error, or that a function is in it.
    mutating func write(_ value: TemplateValue, _ budget: inout Budget) throws(TemplateError) {
        try budget.spend()
        switch value {
        case .string(let string):
            try add(string, &budget)
        case .list(let list):
            text += "["
            for (index, element) in list.elements.enumerated() {
                if index > 0 { text += "," }
                try write(element, &budget)
            }
            text += "]"
        case .object(let fields):
            text += "{"
            for (index, member) in fields.sortedMembers.enumerated() {
                if index > 0 { text += "," }
                try add(member.key, &budget)
                text += ":"
                try write(member.value, &budget)
            }
            text += "}"
        case .function: throw .uncalledFunction
        case .null, .bool, .number: text += value.scalarText ?? ""
        }
    }

    private mutating func add(_ string: String, _ budget: inout Budget) throws(TemplateError) {
        try budget.checkSize(text.utf8.count + string.utf8.count)
        try budget.spend(bytes: string.utf8.count)
        text += JSONSerializer.quoted(string)
    }
}

extension TemplateError {
    static var uncalledFunction: TemplateError {
        TemplateError(.template, "evaluated template contained uncalled functions")
    }
}
