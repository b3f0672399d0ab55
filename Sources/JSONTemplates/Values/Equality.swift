import JSON

/// Whether values are the same, paid by what is compared. Numbers by value, texts by scalars, objects in any order.
extension Budget {
    mutating func areEqual(_ left: TemplateValue, _ right: TemplateValue) throws(TemplateError) -> Bool {
        try spend()
        switch (left, right) {
        case (.null, .null): return true
        case (.bool(let a), .bool(let b)): return a == b
        case (.number(let a), .number(let b)):
            try spend(bytes: a.size + b.size)
            return a.compare(to: b) == .same
        case (.string(let a), .string(let b)):
            guard a.utf8.count == b.utf8.count else { return false }
            try spend(bytes: a.utf8.count)
            return a.hasSameScalars(as: b)
        case (.list(let a), .list(let b)): return try areEqual(a.elements, b.elements)
        case (.object(let a), .object(let b)): return try areEqual(a, b)
        case (.function(let a), .function(let b)): return a.name == b.name
        default: return false
        }
    }

    private mutating func areEqual(
        _ left: [TemplateValue], _ right: [TemplateValue]
    ) throws(TemplateError) -> Bool {
        guard left.count == right.count else { return false }
        for index in left.indices where try !areEqual(left[index], right[index]) { return false }
        return true
    }

    private mutating func areEqual(_ left: TemplateFields, _ right: TemplateFields) throws(TemplateError) -> Bool {
        guard left.members.count == right.members.count else { return false }
        for member in left.members {
            guard let other = right[member.key], try areEqual(member.value, other) else { return false }
        }
        return true
    }
}
