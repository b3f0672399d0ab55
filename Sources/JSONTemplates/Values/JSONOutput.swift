import JSON

/// Writes a value as compact JSON: members in their order, or in that of their keys as `$json` gives them.
struct JSONOutput {
    private let sortsKeys: Bool
    private(set) var bytes: [UInt8] = []

    var text: String { String(decoding: bytes, as: UTF8.self) }

    /// - Parameter capacity: bytes for which to make room.
    init(sortsKeys: Bool = false, capacity: Int = 0) {
        self.sortsKeys = sortsKeys
        bytes.reserveCapacity(capacity)
    }

    /// - Throws: a budget's error, or that a function is in it.
    mutating func write(_ value: TemplateValue, _ budget: inout Budget) throws(TemplateError) {
        try budget.spend()
        switch value {
        case .string(let text): try write(text, &budget)
        case .list(let list):
            bytes.append(UInt8(ascii: "["))
            for index in list.elements.indices {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                try write(list.elements[index], &budget)
            }
            bytes.append(UInt8(ascii: "]"))
        case .object(let fields):
            bytes.append(UInt8(ascii: "{"))
            let members = sortsKeys ? fields.sortedMembers : fields.members
            for index in members.indices {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                try write(members[index].key, &budget)
                bytes.append(UInt8(ascii: ":"))
                try write(members[index].value, &budget)
            }
            bytes.append(UInt8(ascii: "}"))
        case .function: throw .uncalledFunction
        case .null, .bool, .number: bytes.append(contentsOf: (value.scalarText ?? "").utf8)
        }
        try budget.checkSize(bytes.count)
    }

    private mutating func write(_ text: String, _ budget: inout Budget) throws(TemplateError) {
        // Escapes may still make it six times as long; the size is looked at again behind it.
        try budget.checkSize(bytes.count + text.utf8.count)
        try budget.spend(bytes: text.utf8.count)
        JSONSerializer.write(string: text, to: &bytes)
    }
}

extension TemplateError {
    static var uncalledFunction: TemplateError {
        TemplateError(.template, "evaluated template contained uncalled functions")
    }
}
