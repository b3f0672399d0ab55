/// Renders one template once: what it may still spend, and what it is given.
struct Renderer {
    var budget: Budget
    let functions: HostFunctions
    /// Milliseconds since 1970-01-01T00:00:00Z.
    let now: Int64

    init(functions: HostFunctions, now: Int64, limits: Budget.Limits) {
        self.functions = functions
        self.now = now
        budget = Budget(limits)
    }

    /// - Returns: nil where the value is to be left out of the list or object around it.
    mutating func render(_ node: TemplateNode, _ scope: Scope) throws(TemplateError) -> TemplateValue? {
        try budget.enter()
        defer { budget.leave() }
        do throws(TemplateError) {
            switch node.kind {
            case .constant(let value): return value
            case .text(let parts): return .string(try text(parts, scope))
            case .list(let nodes): return try list(nodes, scope)
            case .object(let members): return try object(members, scope)
            case .operation(let operation): return try perform(operation, scope)
            case .fault(let error): throw error
            }
        } catch {
            throw error.located(at: node.offset)
        }
    }

    private mutating func list(_ nodes: [TemplateNode], _ scope: Scope) throws(TemplateError) -> TemplateValue {
        var elements: [TemplateValue] = []
        elements.reserveCapacity(nodes.count)
        for index in nodes.indices {
            do {
                if let element = try render(nodes[index], scope) { elements.append(element) }
            } catch {
                throw error.inside(index: index)
            }
        }
        return try budget.list(elements)
    }

    private mutating func object(
        _ members: [TemplateNode.Member], _ scope: Scope
    ) throws(TemplateError) -> TemplateValue {
        var fields = FieldsBuilder(capacity: members.count)
        for index in members.indices {
            let parts = members[index].parts
            let key = if let parts { FieldKey(try text(parts, scope)) } else { members[index].key }
            do {
                if let value = try render(members[index].value, scope) { fields.set(key, value) }
            } catch {
                throw error.inside(key: key.text)
            }
        }
        return try budget.object(fields)
    }

    private mutating func perform(_ operation: Operation, _ scope: Scope) throws(TemplateError) -> TemplateValue? {
        switch operation {
        case .eval(let expression): return try evaluate(expression, scope)
        case .json(let node):
            guard let value = try render(node, scope) else { throw .uncalledFunction }
            var json = JSONOutput(sortsKeys: true)
            try json.write(value, &budget)
            return .string(json.text)
        case .fromNow(let node, let from): return try fromNow(node, from, scope)
        case .condition(let condition, let then, let otherwise):
            guard let chosen = try evaluate(condition, scope).isTruthy ? then : otherwise else { return nil }
            return try render(chosen, scope)
        case .letting(let values, let areNames, let body): return try letting(values, areNames, body, scope)
        case .match(let cases): return try match(cases, scope)
        case .choose(let cases, let otherwise): return try choose(cases, otherwise, scope)
        case .map(let values, let names, let each): return try map(values, names, each, scope)
        case .reduce(let values, let names, let each, let initial):
            return try reduce(values, names, each, initial, scope)
        case .find(let values, let names, let each): return try find(values, names, each, scope)
        case .flatten(let values): return try flatten(values, deep: false, scope)
        case .flattenDeep(let values): return try flatten(values, deep: true, scope)
        case .merge(let values): return try merge(values, deep: false, scope)
        case .mergeDeep(let values): return try merge(values, deep: true, scope)
        case .sort(let values, let by): return try sort(values, by: by, scope)
        case .reverse(let values): return try reverse(values, scope)
        }
    }
}

/// Names and their values, the innermost first.
final class Scope: Sendable {
    let fields: TemplateFields
    let outer: Scope?
    /// Whether a name here or further out is that of a function, as only `$let` can give it.
    let hasFunctions: Bool

    init(_ fields: TemplateFields, in outer: Scope? = nil) {
        self.fields = fields
        self.outer = outer
        hasFunctions = fields.hasFunctions || outer?.hasFunctions == true
    }

    /// The value of a name here or further out.
    func value(_ name: FieldKey, _ budget: inout Budget) throws(TemplateError) -> TemplateValue? {
        if let value = fields[name] { return value }
        try budget.spend()
        return try outer?.value(name, &budget)
    }
}

extension Renderer {
    /// The value of a name in the scopes, of a host function, or of `now`; nil where it has none of them.
    mutating func lookUp(_ name: FieldKey, _ scope: Scope) throws(TemplateError) -> TemplateValue? {
        if let value = try scope.value(name, &budget) { return value }
        if let function = functions[name] { return function }
        guard name == .now else { return nil }
        try budget.spend(Instant.steps)
        return .string(Instant(milliseconds: now).description)
    }
}
