import JSON

/// The keys that make an object an operation.
enum OperatorName: String {
    case eval = "$eval"
    case json = "$json"
    case flatten = "$flatten"
    case flattenDeep = "$flattenDeep"
    case fromNow = "$fromNow"
    case condition = "$if"
    case letting = "$let"
    case map = "$map"
    case reduce = "$reduce"
    case find = "$find"
    case match = "$match"
    case choose = "$switch"
    case merge = "$merge"
    case mergeDeep = "$mergeDeep"
    case sort = "$sort"
    case reverse = "$reverse"
}

/// The members of an operation beside the operator itself.
struct OperatorParts {
    let name: OperatorName
    let others: [JSONNode.Member]

    init(name: OperatorName, members: [JSONNode.Member]) {
        self.name = name
        others = members.filter { $0.key != name.rawValue }
    }

    subscript(key: String) -> JSONNode? { others.first { $0.key == key }?.value }

    /// Refuses members which the operator does not know.
    func allow(_ isKnown: (String) -> Bool) throws(TemplateError) {
        let unknown = others.map(\.key).filter { !isKnown($0) }
        guard unknown.isEmpty else {
            let names = unknown.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }.joined(separator: " ")
            throw TemplateError(.template, "\(name.rawValue) has undefined properties: \(names)")
        }
    }

    /// The names in a key like `each(x,i)`, or nil where it is none with that many.
    static func names(in key: String, function: String, _ counts: ClosedRange<Int>) -> [FieldKey]? {
        guard key.hasPrefix(function + "("), key.hasSuffix(")") else { return nil }
        let written = key.dropFirst(function.count + 1).dropLast()
        let names = written.split(separator: ",", omittingEmptySubsequences: false).enumerated().map { index, name in
            // Space may stand behind a comma.
            index == 0 ? name : name.drop { $0 == " " }
        }
        guard counts.contains(names.count), names.allSatisfy({ Name.isValid(String($0)) }) else { return nil }
        return names.map { FieldKey(String($0)) }
    }
}

extension TemplateParser {
    mutating func operation(_ parts: OperatorParts, _ value: JSONNode) throws(TemplateError) -> Operation {
        switch parts.name {
        case .eval:
            try parts.allow { _ in false }
            return .eval(try expression(value, else: "$eval must be given a string expression"))
        case .condition: return try condition(parts, value)
        case .letting: return try letting(parts, value)
        case .map: return try map(parts, value)
        case .reduce: return try reduce(parts, value)
        case .find: return try find(parts, value)
        case .sort: return try sort(parts, value)
        case .match: return .match(try cases(parts, value).cases)
        case .choose:
            let (cases, otherwise) = try cases(parts, value)
            return .choose(cases, otherwise: otherwise)
        case .fromNow:
            try parts.allow { $0 == "from" }
            return .fromNow(parse(value), from: parts["from"].map { parse($0) })
        case .json, .flatten, .flattenDeep, .merge, .mergeDeep, .reverse:
            try parts.allow { _ in false }
            return simple(parts.name, parse(value))
        }
    }

    /// The operators which have nothing but a value.
    private func simple(_ name: OperatorName, _ value: TemplateNode) -> Operation {
        switch name {
        case .flatten: .flatten(value)
        case .flattenDeep: .flattenDeep(value)
        case .merge: .merge(value)
        case .mergeDeep: .mergeDeep(value)
        case .reverse: .reverse(value)
        default: .json(value)
        }
    }

    private func expression(_ node: JSONNode, else message: String) throws(TemplateError) -> ExpressionNode {
        guard case .string(let source) = node.kind else { throw TemplateError(.template, message) }
        do {
            return try ExpressionParser.parse(source)
        } catch {
            throw error.located(at: node.offset)
        }
    }

    private mutating func condition(_ parts: OperatorParts, _ value: JSONNode) throws(TemplateError) -> Operation {
        try parts.allow { ["then", "else"].contains($0) }
        let condition = try expression(value, else: "$if can evaluate string expressions only")
        return .condition(
            condition, then: parts["then"].map { parse($0) }, else: parts["else"].map { parse($0) })
    }

    private mutating func letting(_ parts: OperatorParts, _ value: JSONNode) throws(TemplateError) -> Operation {
        try parts.allow { $0 == "in" }
        guard let body = parts["in"] else {
            throw TemplateError(.template, "$let operator requires an `in` clause")
        }
        guard case .object = value.kind else { throw .letNeedsObject }
        let values = parse(value)
        return .letting(values, areNames: values.hasNamesAsKeys, in: parse(body))
    }

    private mutating func map(_ parts: OperatorParts, _ value: JSONNode) throws(TemplateError) -> Operation {
        let (names, each) = try self.each(parts)
        return .map(parse(value), names: names, each: parse(each))
    }

    private mutating func find(_ parts: OperatorParts, _ value: JSONNode) throws(TemplateError) -> Operation {
        let (names, each) = try self.each(parts)
        let condition = try expression(each, else: "each can evaluate string expressions only")
        return .find(parse(value), names: names, each: condition)
    }

    private func each(_ parts: OperatorParts) throws(TemplateError) -> (names: [FieldKey], each: JSONNode) {
        func names(_ key: String) -> [FieldKey]? { OperatorParts.names(in: key, function: "each", 1...2) }
        try parts.allow { names($0) != nil }
        guard parts.others.count == 1, let names = names(parts.others[0].key) else {
            throw TemplateError(.template, "\(parts.name.rawValue) requires exactly one other property, each(..)")
        }
        return (names, parts.others[0].value)
    }

    private mutating func reduce(_ parts: OperatorParts, _ value: JSONNode) throws(TemplateError) -> Operation {
        func names(_ key: String) -> [FieldKey]? { OperatorParts.names(in: key, function: "each", 2...3) }
        try parts.allow { $0 == "initial" || names($0) != nil }
        let each = parts.others.first { $0.key != "initial" }
        guard parts.others.count == 2, let initial = parts["initial"], let each, let names = names(each.key) else {
            throw TemplateError(.template, "$reduce must have exactly three properties")
        }
        // JSON-e takes `initial` as it is written, without rendering it.
        let start = TemplateValue(initial.value)
        return .reduce(parse(value), names: names, each: parse(each.value), initial: start)
    }

    private mutating func sort(_ parts: OperatorParts, _ value: JSONNode) throws(TemplateError) -> Operation {
        func name(_ key: String) -> FieldKey? { OperatorParts.names(in: key, function: "by", 1...1)?.first }
        try parts.allow { name($0) != nil }
        guard parts.others.count < 2 else { throw TemplateError(.template, "only one by(..) is allowed") }
        guard let by = parts.others.first, let name = name(by.key) else { return .sort(parse(value), by: nil) }
        let key = try expression(by.value, else: "by can evaluate string expressions only")
        return .sort(parse(value), by: (name, key))
    }

    /// The cases of `$match` and `$switch`, in the order of their conditions' texts.
    private mutating func cases(
        _ parts: OperatorParts, _ value: JSONNode
    ) throws(TemplateError) -> (cases: [Operation.Case], otherwise: TemplateNode?) {
        try parts.allow { _ in false }
        guard case .object(let members) = value.kind else {
            throw TemplateError(.template, "\(parts.name.rawValue) can evaluate objects only")
        }
        var cases: [Operation.Case] = []
        var otherwise: TemplateNode?
        for member in members.sorted(by: { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }) {
            if parts.name == .choose, member.key == "$default" {
                otherwise = parse(member.value)
            } else {
                let source = JSONNode(.string(member.key), offset: member.keyOffset)
                cases.append(Operation.Case(condition: try expression(source, else: ""), value: parse(member.value)))
            }
        }
        return (cases, otherwise)
    }
}

extension TemplateNode {
    /// Whether it is an object of which every key is known and a name.
    fileprivate var hasNamesAsKeys: Bool {
        switch kind {
        case .constant(.object(let fields)): fields.members.allSatisfy { Name.isValid($0.key) }
        case .object(let members): members.allSatisfy { $0.parts == nil && Name.isValid($0.key.text) }
        default: false
        }
    }
}

extension TemplateError {
    static var letNeedsObject: TemplateError { TemplateError(.template, "$let value must be an object") }
}
