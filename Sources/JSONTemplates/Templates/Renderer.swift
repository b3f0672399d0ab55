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
        for (index, node) in nodes.enumerated() {
            do {
                if let element = try render(node, scope) { elements.append(element) }
            } catch {
                throw error.inside(index: index)
            }
        }
        return try budget.list(elements)
    }

    private mutating func object(
        _ members: [TemplateNode.Member], _ scope: Scope
    ) throws(TemplateError) -> TemplateValue {
        var fields = FieldsBuilder()
        for member in members {
            let key = if let parts = member.parts { FieldKey(try text(parts, scope)) } else { member.key }
            do {
                if let value = try render(member.value, scope) { fields.set(key, value) }
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
            var json = JSONText()
            try json.write(value, &budget)
            return .string(json.text)
        case .fromNow(let node, let from): return try fromNow(node, from, scope)
        case .condition(let condition, let then, let otherwise):
            guard let chosen = try evaluate(condition, scope).isTruthy ? then : otherwise else { return nil }
            return try render(chosen, scope)
        case .letting(let values, let body): return try letting(values, body, scope)
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

    init(_ fields: TemplateFields, in outer: Scope? = nil) {
        self.fields = fields
        self.outer = outer
    }
}

extension Renderer {
    /// The value of a name in the scopes, of a host function, or of `now`; nil where it has none of them.
    mutating func lookUp(_ name: FieldKey, _ scope: Scope) throws(TemplateError) -> TemplateValue? {
        var here = scope
        while true {
            if let value = here.fields[name] { return value }
            try budget.spend()
            guard let outer = here.outer else { break }
            here = outer
        }
        if let function = functions[name.text] { return .function(.host(function)) }
        return name.text == "now" ? .string(Instant(milliseconds: now).description) : nil
    }
}

/// Counts the bytes of a result as JSON, escapes included.
struct OutputSize {
    private var bytes = 0

    mutating func add(_ value: TemplateValue, _ budget: inout Budget) throws(TemplateError) {
        try budget.spend()
        switch value {
        case .string(let text): add(text)
        case .list(let list):
            bytes += 1 + max(1, list.elements.count)
            for element in list.elements { try add(element, &budget) }
        case .object(let fields):
            bytes += 1 + max(1, fields.members.count)
            for member in fields.members {
                add(member.key)
                bytes += 1
                try add(member.value, &budget)
            }
        case .null, .bool, .number, .function: bytes += value.scalarText?.utf8.count ?? 0
        }
        try budget.checkSize(bytes)
    }

    private mutating func add(_ text: String) {
        bytes += 2 + text.utf8.count
        for byte in text.utf8 where byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
            bytes += byte < 0x20 ? 5 : 1
        }
    }
}
