/// `$map`, `$reduce` and `$find`.
extension Renderer {
    mutating func map(
        _ values: TemplateNode, _ names: [FieldKey], _ each: TemplateNode, _ scope: Scope
    ) throws(TemplateError) -> TemplateValue {
        switch try render(values, scope) {
        case .list(let list)?: return try map(list, names, each, scope)
        case .object(let fields)?: return try map(fields, names, each, scope)
        default: throw TemplateError(.template, "$map value must evaluate to an array or object")
        }
    }

    private mutating func map(
        _ list: TemplateList, _ names: [FieldKey], _ each: TemplateNode, _ scope: Scope
    ) throws(TemplateError) -> TemplateValue {
        var results: [TemplateValue] = []
        for (index, element) in list.elements.enumerated() {
            let inner = Scope.binding(names, to: [element, .number(index)], in: scope)
            if let result = try render(each, inner) { results.append(result) }
        }
        return try budget.list(results)
    }

    private mutating func map(
        _ fields: TemplateFields, _ names: [FieldKey], _ each: TemplateNode, _ scope: Scope
    ) throws(TemplateError) -> TemplateValue {
        var results = FieldsBuilder()
        for member in fields.members {
            let key = TemplateValue.string(member.key)
            var bound = [member.value, key]
            if names.count == 1 {
                let pair = [("key", key), ("val", member.value)].map { TemplateFields.Member(key: $0, value: $1) }
                bound = [try budget.object(pair)]
            }
            switch try render(each, Scope.binding(names, to: bound, in: scope)) {
            case .object(let result)?:
                try budget.spend(keys: result.members.count)
                for member in result.members { results.set(member.key, member.value) }
            case nil: continue
            default: throw TemplateError(.template, "$map on objects expects each(x) to evaluate to an object")
            }
        }
        return try budget.object(results)
    }

    mutating func reduce(
        _ values: TemplateNode, _ names: [FieldKey], _ each: TemplateNode, _ initial: TemplateValue, _ scope: Scope
    ) throws(TemplateError) -> TemplateValue {
        guard case .list(let list)? = try render(values, scope) else {
            throw TemplateError(.template, "$reduce value must evaluate to an array")
        }
        var result = initial
        for (index, element) in list.elements.enumerated() {
            let inner = Scope.binding(names, to: [result, element, .number(index)], in: scope)
            if let next = try render(each, inner) { result = next }
        }
        return result
    }

    mutating func find(
        _ values: TemplateNode, _ names: [FieldKey], _ each: ExpressionNode, _ scope: Scope
    ) throws(TemplateError) -> TemplateValue? {
        guard case .list(let list)? = try render(values, scope) else {
            throw TemplateError(.template, "$find value must evaluate to an array")
        }
        for (index, element) in list.elements.enumerated() {
            let inner = Scope.binding(names, to: [element, .number(index)], in: scope)
            if try evaluate(each, inner).isTruthy { return element }
        }
        return nil
    }
}

extension Scope {
    /// A scope with as many of the values as there are names; of two names that are the same the last counts.
    static func binding(_ names: [FieldKey], to values: [TemplateValue], in outer: Scope) -> Scope {
        var fields = FieldsBuilder()
        for (name, value) in zip(names, values) { fields.set(name, value) }
        return Scope(TemplateFields(fields), in: outer)
    }
}
