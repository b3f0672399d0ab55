package import JSON

/// Finds what is allowed and probably not meant: what can be said by the language alone, whatever the events are.
package enum PatternLint {
    /// Comparisons of one list at most: a list of thousands of values is not worth more of a start's time.
    private static let mostComparisons = 100_000

    /// Everything there is to say about one field, in the order of the text.
    package static func lint(_ field: PatternOutline.Field) -> [PatternFault] {
        let single = field.alternatives.compactMap { alternative in
            starless(alternative).map { PatternFault(alternative, field, $0) }
        }
        guard field.alternatives.count > 1 else { return single }
        return (single + together(field)).sorted { $0.offset < $1.offset }
    }

    /// How the alternatives of a field stand to each other.
    private static func together(_ field: PatternOutline.Field) -> [PatternFault] {
        let sizes = field.alternatives.map(\.condition.size)
        let broad = zip(field.alternatives, sizes).reduce(0) { $1.0.isPlain ? $0 : $0 + $1.1 }
        guard broad * sizes.reduce(0, +) <= mostComparisons else { return overlapping(field) }
        if let everything = fitsEverything(field) { return [everything] }
        let useless = useless(field)
        return useless.isEmpty ? overlapping(field) : useless
    }

    /// The start of a value's text, for a message.
    package static func excerpt(_ node: JSONNode) -> String { excerpt(JSONSerializer.text(node.value)) }

    package static func excerpt(_ text: String) -> String {
        let start = text.unicodeScalars.prefix(60)
        return start.endIndex == text.endIndex ? text : String(start) + "…"
    }

    // MARK: - One alternative

    private static func starless(_ alternative: PatternOutline.Alternative) -> String? {
        guard case .wildcard(let wildcard) = alternative.condition, wildcard.literals.count == 1 else { return nil }
        let plain = JSONSerializer.quoted(String(decoding: wildcard.literals[0], as: UTF8.self))
        return
            "this wildcard has no star, so it fits one value: write \(excerpt(plain)), or put a * where text may stand"
    }

    // MARK: - Several

    /// Where the alternatives leave no value out.
    private static func fitsEverything(_ field: PatternOutline.Field) -> PatternFault? {
        let present = field.alternatives.filter { !$0.isAbsence }
        let butters = present.filter(\.isAnythingBut)
        if butters.count > 1,
            zip(butters, butters.dropFirst()).contains(where: { $0.condition.completes($1.condition) })
        {
            let text = "two anything-buts in one list fit every value: write \(merged(butters))"
            return PatternFault(butters[1], field, text)
        }
        let rest = present.filter { !$0.isAnythingBut }
        if let butter = butters.first(where: { butter in
            butter.condition.excluded.allSatisfy { value in rest.contains { $0.condition.covers(value) } }
        }) {
            let fix = field.allowsAbsence ? "take the field out" : "write {\"exists\": true} if that is meant"
            let text = "what this keeps out stands beside it, so the list fits every value: \(fix)"
            return PatternFault(butter, field, text)
        }
        guard field.allowsAbsence, let all = present.first(where: \.isPresence) else { return nil }
        return PatternFault(all, field, "this list fits every event: take the field out")
    }

    /// Alternatives that fit nothing which another one does not.
    private static func useless(_ field: PatternOutline.Field) -> [PatternFault] {
        var plain: Set<Condition> = []
        var found: [PatternFault] = []
        let broad = field.alternatives.indices.filter { !field.alternatives[$0].isPlain }
        for (index, alternative) in field.alternatives.enumerated() {
            if alternative.isPlain, !plain.insert(alternative.condition).inserted {
                found.append(
                    PatternFault(alternative, field, "\(excerpt(alternative.node)) is named twice: one is enough"))
                continue
            }
            let cover = broad.first { other in
                other != index && field.alternatives[other].condition.covers(alternative.condition)
                    // Of two that say the same the first one stays.
                    && (other < index || !alternative.condition.covers(field.alternatives[other].condition))
            }
            guard let cover else { continue }
            let text = excerpt(field.alternatives[cover].node)
            found.append(PatternFault(alternative, field, "\(text) fits all that this does: take this out"))
        }
        return found
    }

    /// Anything-buts that let in what the others keep out.
    private static func overlapping(_ field: PatternOutline.Field) -> [PatternFault] {
        let butters = field.alternatives.filter(\.isAnythingBut)
        guard butters.count > 1 else { return [] }
        let text = "two anything-buts in one list keep out only what both do: write \(merged(butters))"
        return [PatternFault(butters[1], field, text)]
    }

    /// One anything-but that says what several were probably meant to say.
    private static func merged(_ butters: [PatternOutline.Alternative]) -> String {
        let operands = butters.flatMap(operands)
        let names = Set(operands.map(\.name))
        let kinds = Set(operands.map(\.value.kindName))
        guard operands.count <= 6, kinds.count == 1, let name = names.first else {
            return "one anything-but that names all"
        }
        if names.count == 1 {
            let list = "[" + operands.map { JSONSerializer.text($0.value.value) }.joined(separator: ", ") + "]"
            return "{\"anything-but\": " + (name.isEmpty ? list : "{\"\(name)\": \(list)}") + "}"
        }
        let stars = operands.compactMap { starred($0.value, $0.name) }
        guard stars.count == operands.count else { return "one anything-but that names all" }
        return "{\"anything-but\": {\"wildcard\": [\(stars.joined(separator: ", "))]}}"
    }

    /// Each text or number that an anything-but names, with the operator that it stands in, if any.
    private static func operands(_ butter: PatternOutline.Alternative) -> [(name: String, value: JSONNode)] {
        guard case .object(let members) = butter.node.kind, let operand = members.first?.value else { return [] }
        func values(_ node: JSONNode) -> [JSONNode] { if case .array(let list) = node.kind { list } else { [node] } }
        guard case .object(let inner) = operand.kind, let member = inner.first else {
            return values(operand).map { ("", $0) }
        }
        return values(member.value).map { (member.key, $0) }
    }

    /// A text as a wildcard that fits the same.
    private static func starred(_ node: JSONNode, _ name: String) -> String? {
        guard case .string(let text) = node.kind else { return nil }
        let literal = text.map { $0 == "*" || $0 == "\\" ? "\\\($0)" : String($0) }.joined()
        switch name {
        case "": return JSONSerializer.quoted(literal)
        case "prefix": return JSONSerializer.quoted(literal + "*")
        case "suffix": return JSONSerializer.quoted("*" + literal)
        case "wildcard": return JSONSerializer.quoted(text)
        default: return nil
        }
    }
}

extension PatternFault {
    package init(_ alternative: PatternOutline.Alternative, _ field: PatternOutline.Field, _ message: String) {
        self.init(offset: alternative.node.offset, path: field.path, message: message)
    }
}

extension PatternOutline.Alternative {
    /// Whether it names one value.
    fileprivate var isPlain: Bool {
        switch condition {
        case .null, .bool, .number, .string: true
        default: false
        }
    }
}

extension Condition {
    /// What an anything-but names.
    fileprivate var excluded: [Condition] { if case .noneOf(let excluded) = self { excluded.conditions } else { [] } }

    /// How many comparisons it takes to compare this with a value.
    fileprivate var size: Int { max(1, excluded.count) }

    /// Whether an anything-but fits all that another one keeps out.
    fileprivate func completes(_ other: Condition) -> Bool { other.excluded.allSatisfy { covers($0) } }
}
