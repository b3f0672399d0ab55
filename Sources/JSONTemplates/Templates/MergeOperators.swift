/// `$merge` and `$mergeDeep`.
extension Renderer {
    mutating func merge(_ values: TemplateNode, deep: Bool, _ scope: Scope) throws(TemplateError) -> TemplateValue {
        guard case .list(let list)? = try render(values, scope) else { throw .unmergeable(deep) }
        var merged = FieldsBuilder()
        for element in list.elements {
            guard case .object(let fields) = element else { throw .unmergeable(deep) }
            try add(fields, to: &merged, deep: deep)
        }
        return try budget.object(merged)
    }

    private mutating func add(
        _ fields: TemplateFields, to merged: inout FieldsBuilder, deep: Bool
    ) throws(TemplateError) {
        try budget.spend(keys: fields.members.count)
        for member in fields.members {
            let old = deep ? merged[member.key] : nil
            merged.set(member.key, try mergeDeep(old, member.value))
        }
    }

    /// Lists are joined, objects merged; of all else the new value counts.
    private mutating func mergeDeep(
        _ old: TemplateValue?, _ new: TemplateValue
    ) throws(TemplateError) -> TemplateValue {
        switch (old, new) {
        case (.list(let first), .list(let second)):
            try budget.spend(first.elements.count + second.elements.count)
            return try budget.list(first.elements + second.elements)
        case (.object(let first), .object(let second)):
            try budget.spend(first.members.count)
            var merged = FieldsBuilder(first)
            try add(second, to: &merged, deep: true)
            return try budget.object(merged)
        default: return new
        }
    }
}

extension TemplateError {
    fileprivate static func unmergeable(_ deep: Bool) -> TemplateError {
        TemplateError(.template, "$merge\(deep ? "Deep" : "") value must evaluate to an array of objects")
    }
}
