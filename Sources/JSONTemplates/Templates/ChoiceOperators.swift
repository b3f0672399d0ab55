/// `$let`, `$match` and `$switch`.
extension Renderer {
    mutating func letting(
        _ values: TemplateNode, _ areNames: Bool, _ body: TemplateNode, _ scope: Scope
    ) throws(TemplateError) -> TemplateValue? {
        guard case .object(let fields)? = try render(values, scope) else { throw .letNeedsObject }
        guard areNames || fields.members.allSatisfy({ Name.isValid($0.key) }) else { throw .badNames(in: "$let") }
        return try render(body, Scope(fields, in: scope))
    }

    /// The values of all conditions that hold.
    mutating func match(_ cases: [Operation.Case], _ scope: Scope) throws(TemplateError) -> TemplateValue {
        var values: [TemplateValue] = []
        for choice in cases where try evaluate(choice.condition, scope).isTruthy {
            if let value = try render(choice.value, scope) { values.append(value) }
        }
        return try budget.list(values)
    }

    /// The value of the one condition that holds.
    mutating func choose(
        _ cases: [Operation.Case], _ otherwise: TemplateNode?, _ scope: Scope
    ) throws(TemplateError) -> TemplateValue? {
        var chosen: TemplateNode?
        for index in cases.indices where try evaluate(cases[index].condition, scope).isTruthy {
            guard chosen == nil else {
                throw TemplateError(.template, "$switch can only have one truthy condition")
            }
            chosen = cases[index].value
        }
        guard let node = chosen ?? otherwise else { return nil }
        return try render(node, scope)
    }
}
