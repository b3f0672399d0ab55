/// Evaluates expressions.
extension Renderer {
    mutating func evaluate(_ node: ExpressionNode, _ scope: Scope) throws(TemplateError) -> TemplateValue {
        try budget.enter()
        defer { budget.leave() }
        switch node {
        case .literal(let value): return value
        case .name(let name, let builtin): return try value(named: name, builtin, scope)
        case .list(let elements): return try budget.list(try evaluate(elements, scope))
        case .object(let members):
            var fields = FieldsBuilder()
            for member in members { fields.set(member.key, try evaluate(member.value, scope)) }
            return try budget.object(fields)
        case .unary(let operation, let operand): return try apply(operation, try evaluate(operand, scope))
        case .chain(let first, let rest): return try chain(first, rest, scope)
        case .access(let base, let accessors):
            var value = if case .call? = accessors.first { try called(base, scope) } else { try evaluate(base, scope) }
            for index in accessors.indices { value = try access(value, accessors[index], scope) }
            return value
        }
    }

    private mutating func evaluate(
        _ nodes: [ExpressionNode], _ scope: Scope
    ) throws(TemplateError) -> [TemplateValue] {
        var values: [TemplateValue] = []
        values.reserveCapacity(nodes.count)
        for index in nodes.indices { values.append(try evaluate(nodes[index], scope)) }
        return values
    }

    private mutating func value(
        named name: FieldKey, _ builtin: Builtin?, _ scope: Scope
    ) throws(TemplateError) -> TemplateValue {
        if let value = try lookUp(name, scope) { return value }
        if let builtin { return .function(.builtin(builtin)) }
        throw TemplateError(.interpreter, "unknown context value \(name.text)")
    }

    /// What is to be called. A name means its function, also where a plain value has that name: `duration(duration)`.
    private mutating func called(_ base: ExpressionNode, _ scope: Scope) throws(TemplateError) -> TemplateValue {
        guard case .name(let name, let builtin) = base else { return try evaluate(base, scope) }
        let function = functions[name] ?? builtin.map { .function(.builtin($0)) }
        if let function, !scope.hasFunctions { return function }
        let value = try evaluate(base, scope)
        if case .function = value { return value }
        return function ?? value
    }

    private mutating func chain(
        _ first: ExpressionNode, _ rest: [(operation: BinaryOperator, operand: ExpressionNode)], _ scope: Scope
    ) throws(TemplateError) -> TemplateValue {
        var left = try evaluate(first, scope)
        for index in rest.indices {
            switch rest[index].operation {
            case .and: left = .bool(left.isTruthy ? try evaluate(rest[index].operand, scope).isTruthy : false)
            case .or: left = .bool(left.isTruthy ? true : try evaluate(rest[index].operand, scope).isTruthy)
            case let operation: left = try apply(operation, left, try evaluate(rest[index].operand, scope))
            }
        }
        return left
    }

    private mutating func access(
        _ value: TemplateValue, _ accessor: Accessor, _ scope: Scope
    ) throws(TemplateError) -> TemplateValue {
        try budget.spend()
        switch accessor {
        case .member(let name):
            guard case .object(let fields) = value else {
                throw TemplateError(.interpreter, "infix: . expects objects")
            }
            guard let member = fields[name] else {
                throw TemplateError(.interpreter, "object has no property \"\(name.text)\"")
            }
            return member
        case .index(let node): return try element(of: value, at: try evaluate(node, scope))
        case .slice(let from, let to):
            let from = try from.map { node throws(TemplateError) in try evaluate(node, scope) }
            let to = try to.map { node throws(TemplateError) in try evaluate(node, scope) }
            return try slice(value, from: from, to: to)
        case .call(let nodes):
            guard case .function(let function) = value else {
                let text = value.scalarText ?? value.typeName
                throw TemplateError(.interpreter, "\(text) is not callable")
            }
            return try call(function, try evaluate(nodes, scope), scope)
        }
    }

    private mutating func call(
        _ function: TemplateFunction, _ arguments: [TemplateValue], _ scope: Scope
    ) throws(TemplateError) -> TemplateValue {
        switch function {
        case .builtin(let builtin): try call(builtin, arguments, scope)
        case .host(let host): try host.body(&budget, arguments)
        }
    }
}
