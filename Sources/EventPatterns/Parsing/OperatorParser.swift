internal import JSON

/// Reads the alternatives of a field.
extension PatternParser {
    static let operators = [
        "prefix", "suffix", "equals-ignore-case", "wildcard", "numeric", "exists", "anything-but", "cidr",
    ]
    private static let insideAnythingBut = ["prefix", "suffix", "equals-ignore-case", "wildcard"]

    /// Names that other tools use, and what to write here.
    private static let foreign = [
        "exactly": "write the value itself", "equals": "write the value itself", "eq": "write the value itself",
        "startsWith": "use \"prefix\"", "endsWith": "use \"suffix\"", "matches": "use \"wildcard\"",
        "in": "list the values themselves", "not": "use \"anything-but\"", "ne": "use \"anything-but\"",
        "contains": "use {\"wildcard\": \"*text*\"}", "regexp": "use \"wildcard\"", "regex": "use \"wildcard\"",
        "shellstyle": "use \"wildcard\"", "gt": "use {\"numeric\": [\">\", 5]}", "lt": "use {\"numeric\": [\"<\", 5]}",
    ]

    mutating func condition(_ node: JSONNode, _ path: String) -> Condition? {
        switch node.kind {
        case .null: return .null
        case .bool(let value): return .bool(value)
        case .string(let text): return .string(Array(text.utf8))
        case .number(let number): return .number(NumberLiteral(number))
        case .array: return refuse(node, path, "a list in a list is not allowed: put its values in the outer one")
        case .object(let members):
            guard let member = onlyOperator(members, node, path, among: PatternParser.operators) else { return nil }
            return condition(member.key, member.value, path)
        }
    }

    private mutating func condition(_ name: String, _ operand: JSONNode, _ path: String) -> Condition? {
        switch name {
        case "numeric": return numeric(operand, path)
        case "exists":
            guard case .bool(let wanted) = operand.kind else {
                return refuse(operand, path, "exists takes true or false, not \(operand.kindName)")
            }
            return wanted ? .exists : .absent
        case "anything-but": return anythingBut(operand, path)
        case "prefix", "suffix":
            if case .object = operand.kind { return ignoringCase(name, operand, path) }
            return textCondition(name, operand, path)
        default: return textCondition(name, operand, path)
        }
    }

    /// The single member of an operator object.
    private mutating func onlyOperator(
        _ members: [JSONNode.Member], _ node: JSONNode, _ path: String, among names: [String]
    ) -> JSONNode.Member? {
        guard members.count == 1, let member = members.first else {
            let text = members.isEmpty ? "an empty object" : "\(members.count) operators in one object"
            return refuse(node, path, "\(text): write one operator an object, such as {\"\(names[0])\": \"text\"}")
        }
        guard !names.contains(where: { $0.hasSameScalars(as: member.key) }) else { return member }
        fault(member.keyOffset, path, PatternParser.unknownOperator(member.key, among: names))
        return nil
    }

    private static func unknownOperator(_ name: String, among names: [String]) -> String {
        let known = "allowed here: \(names.joined(separator: ", "))"
        let quoted = JSONSerializer.quoted(name)
        let isKnown = operators.contains { $0.hasSameScalars(as: name) }
        if isKnown { return "\(quoted) is not allowed here; \(known)" }
        if let advice = foreign[name] { return "unknown operator \(quoted): \(advice); \(known)" }
        if let near = Spelling.nearest(to: name, among: names) {
            return "unknown operator \(quoted): did you mean \"\(near)\"? \(known)"
        }
        return "unknown operator \(quoted); \(known)"
    }

    private func text(_ node: JSONNode) -> String? {
        if case .string(let text) = node.kind { text } else { nil }
    }

    private mutating func refuse<Result>(_ node: JSONNode, _ path: String, _ message: String) -> Result? {
        fault(node.offset, path, message)
        return nil
    }

    // MARK: - Texts

    private mutating func textCondition(_ name: String, _ operand: JSONNode, _ path: String) -> Condition? {
        guard let text = text(operand) else {
            return refuse(operand, path, "\(name) takes a string, not \(operand.kindName)")
        }
        switch name {
        case "prefix": return .prefix(Array(text.utf8))
        case "suffix": return .suffix(Array(text.utf8))
        case "equals-ignore-case": return .equalsIgnoringCase(CaseFolding.fold(text))
        case "wildcard": return wildcard(text, operand, path)
        default: return addressRange(text, operand, path)
        }
    }

    private mutating func ignoringCase(_ name: String, _ operand: JSONNode, _ path: String) -> Condition? {
        guard case .object(let members) = operand.kind,
            let member = onlyOperator(members, operand, path, among: ["equals-ignore-case"])
        else { return nil }
        guard let text = text(member.value) else {
            return refuse(member.value, path, "equals-ignore-case takes a string, not \(member.value.kindName)")
        }
        let folded = CaseFolding.fold(text)
        return name == "prefix" ? .prefixIgnoringCase(folded) : .suffixIgnoringCase(folded)
    }

    private mutating func wildcard(_ text: String, _ node: JSONNode, _ path: String) -> Condition? {
        do throws(Wildcard.Fault) { return .wildcard(try Wildcard(text)) } catch {
            switch error {
            case .twoStars: return refuse(node, path, "wildcard: ** says no more than *: write one star")
            case .badEscape:
                return refuse(node, path, "wildcard: a backslash stands before * or another backslash only")
            }
        }
    }

    private mutating func addressRange(_ text: String, _ node: JSONNode, _ path: String) -> Condition? {
        do throws(AddressRange.Fault) { return .address(try AddressRange(text)) } catch {
            switch error {
            case .noSlash: return refuse(node, path, "cidr takes a block such as \"10.0.0.0/8\": the / is missing")
            case .notAnAddress: return refuse(node, path, "cidr: no IPv4 or IPv6 address stands before the /")
            case .prefixLength(let longest):
                let text = "cidr: a number from 0 to \(longest) stands behind the /; a single address is a plain value"
                return refuse(node, path, text)
            }
        }
    }

    // MARK: - anything-but

    private mutating func anythingBut(_ operand: JSONNode, _ path: String) -> Condition? {
        switch operand.kind {
        case .string, .number:
            return plainValue(operand, path).map { .noneOf(Alternatives([$0])) }
        case .array(let values):
            return noneOf(values, operand, path)
        case .object(let members):
            guard let member = onlyOperator(members, operand, path, among: PatternParser.insideAnythingBut) else {
                return nil
            }
            return noneOf(member, path)
        case .null, .bool:
            return refuse(operand, path, "anything-but takes strings or numbers, not \(operand.kindName)")
        }
    }

    private mutating func noneOf(_ values: [JSONNode], _ list: JSONNode, _ path: String) -> Condition? {
        let kinds = Set(values.map(\.kindName))
        guard kinds == ["a string"] || kinds == ["a number"] else {
            let text = "anything-but takes a list of strings or a list of numbers, not empty and not mixed"
            return refuse(list, path, text)
        }
        let conditions = values.compactMap { plainValue($0, path) }
        return .noneOf(Alternatives(conditions))
    }

    private mutating func plainValue(_ node: JSONNode, _ path: String) -> Condition? {
        if case .number(let number) = node.kind, !number.double.isFinite {
            return refuse(node, path, "\(number.text) is beyond the range of a number")
        }
        return condition(node, path)
    }

    private mutating func noneOf(_ member: JSONNode.Member, _ path: String) -> Condition? {
        var operands = [member.value]
        if case .array(let list) = member.value.kind {
            guard !list.isEmpty else {
                let text = "\(member.key) in anything-but takes a string or a list that is not empty"
                return refuse(member.value, path, text)
            }
            operands = list
        }
        var conditions: [Condition] = []
        for operand in operands {
            if text(operand)?.isEmpty == true, member.key == "prefix" || member.key == "suffix" {
                let text = "an empty \(member.key) fits every string: anything-but needs some text here"
                fault(operand.offset, path, text)
            } else if let condition = textCondition(member.key, operand, path) {
                conditions.append(condition)
            }
        }
        return .noneOf(Alternatives(conditions))
    }

    // MARK: - numeric

    private mutating func numeric(_ operand: JSONNode, _ path: String) -> Condition? {
        let shape = "numeric takes [\"=\", 5], [\">=\", 5] or [\">\", 0, \"<=\", 5] (also < and >=)"
        guard case .array(let terms) = operand.kind, terms.count == 2 || terms.count == 4 else {
            return refuse(operand, path, shape)
        }
        var range = NumericRange()
        for start in stride(from: 0, to: terms.count, by: 2) {
            guard let comparison = text(terms[start]), case .number(let number) = terms[start + 1].kind,
                range.narrow(comparison, number.double, isFirst: start == 0, isOnly: terms.count == 2)
            else { return refuse(operand, path, shape) }
            guard number.double.isFinite else {
                return refuse(terms[start + 1], path, "\(number.text) is beyond the range of a number")
            }
        }
        guard terms.count == 2 || range.lowest < range.highest else {
            return refuse(operand, path, "numeric: the first number must be smaller than the second")
        }
        return .numeric(range)
    }
}

extension NumberLiteral {
    init(_ number: JSONNumber) { self.init(text: Array(number.text.utf8), double: number.double) }
}

extension NumericRange {
    /// Takes one comparison into the range; false where it is unknown or does not stand in this place.
    mutating func narrow(_ comparison: String, _ bound: Double, isFirst: Bool, isOnly: Bool) -> Bool {
        switch comparison {
        case "=" where isOnly: (lowest, highest) = (bound, bound)
        case ">" where isFirst: (lowest, includesLowest) = (bound, false)
        case ">=" where isFirst: lowest = bound
        case "<" where isOnly || !isFirst: (highest, includesHighest) = (bound, false)
        case "<=" where isOnly || !isFirst: highest = bound
        default: return false
        }
        return true
    }
}
