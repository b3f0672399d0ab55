import JSON

/// Turns a JSON value with places into a template and collects all that is wrong with it.
struct TemplateParser {
    private(set) var faults: [TemplateError] = []
    private var path: [JSONStep] = []

    /// A step of the way to the value at hand, for the path of a fault.
    fileprivate enum JSONStep {
        case key(String)
        case index(Int)
    }

    mutating func parse(_ node: JSONNode) -> TemplateNode {
        let kind: TemplateNode.Kind
        do {
            kind = try self.kind(of: node)
        } catch {
            // The path is added again when a render throws the error, so the node keeps it without.
            kind = .fault(error)
            faults.append(path.reversed().reduce(error.located(at: node.offset)) { $0.inside($1) })
        }
        return TemplateNode(kind: kind, offset: node.offset)
    }

    private mutating func kind(of node: JSONNode) throws(TemplateError) -> TemplateNode.Kind {
        switch node.kind {
        case .null, .bool, .number: return .constant(TemplateValue(node.value))
        case .string(let text):
            let parts = try Interpolation.parts(of: text)
            return parts.map { .text($0) } ?? .constant(.string(text))
        case .array(let elements):
            var nodes: [TemplateNode] = []
            for (index, element) in elements.enumerated() { nodes.append(parse(element, at: .index(index))) }
            return constant(nodes).map { .constant(.list(TemplateList($0))) } ?? .list(nodes)
        case .object(let members): return try object(members)
        }
    }

    private mutating func object(_ members: [JSONNode.Member]) throws(TemplateError) -> TemplateNode.Kind {
        let operators = members.filter { OperatorName(rawValue: $0.key) != nil }
        guard operators.count < 2 else { throw TemplateError(.template, "only one operator allowed") }
        if let first = operators.first, let name = OperatorName(rawValue: first.key) {
            return .operation(try operation(OperatorParts(name: name, members: members), first.value))
        }
        var parsed: [TemplateNode.Member] = []
        for member in members { parsed.append(try self.member(member)) }
        if let values = constant(parsed.map(\.value)), parsed.allSatisfy({ $0.parts == nil }) {
            var fields = FieldsBuilder()
            for (member, value) in zip(parsed, values) { fields.set(member.key, value) }
            return .constant(.object(TemplateFields(fields)))
        }
        return .object(parsed)
    }

    private mutating func member(_ member: JSONNode.Member) throws(TemplateError) -> TemplateNode.Member {
        if member.key.first == "$", Name.isValid(String(member.key.dropFirst())) {
            throw TemplateError(.template, "$<identifier> is reserved; use $$<identifier>")
        }
        let value = parse(member.value, at: .key(member.key))
        // `$$` at the start stands for `$`; the `$${` of an escaped interpolation is none of it.
        let isEscaped = member.key.hasPrefix("$$") && !member.key.hasPrefix("$${")
        let key = isEscaped ? String(member.key.dropFirst()) : member.key
        return TemplateNode.Member(key: FieldKey(key), parts: try Interpolation.parts(of: key), value: value)
    }

    private mutating func parse(_ node: JSONNode, at step: JSONStep) -> TemplateNode {
        path.append(step)
        defer { path.removeLast() }
        return parse(node)
    }

    /// The values of nodes which are all constant.
    private func constant(_ nodes: [TemplateNode]) -> [TemplateValue]? {
        var values: [TemplateValue] = []
        for node in nodes {
            guard case .constant(let value) = node.kind else { return nil }
            values.append(value)
        }
        return values
    }
}

extension TemplateError {
    fileprivate func inside(_ step: TemplateParser.JSONStep) -> TemplateError {
        switch step {
        case .key(let key): inside(key: key)
        case .index(let index): inside(index: index)
        }
    }
}
