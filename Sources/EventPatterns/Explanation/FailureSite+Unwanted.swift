internal import JSON

/// What to say of a field whose values are not wanted: the known traps, the surest first.
extension FailureSite {
    /// An event's array or a rule's list can be long; a hint that would come from further on is left out.
    private static let mostFound = 10
    private static let mostWanted = 1000

    func valueHint() -> String? {
        let found = lookup.scalars.prefix(FailureSite.mostFound).map(\.node)
        let wanted = alternatives.prefix(FailureSite.mostWanted)
        let traps: [(JSONNode, Alternative) -> String?] = [
            sameTextHint, otherKindHint, emptinessHint, twinHint, operatorHint, spellingHint,
        ]
        for trap in traps {
            for node in found {
                for alternative in wanted {
                    if let hint = trap(node, alternative) { return hint }
                }
            }
        }
        return nil
    }

    // MARK: - Texts

    /// The two look the same, or nearly.
    private func twinHint(_ found: JSONNode, _ wanted: Alternative) -> String? {
        guard case .string(let text) = found.kind, let condition = wanted.condition else { return nil }
        if let operand = wanted.ignorableCase, condition.isSatisfied(whereCaseOf: text) {
            return "only upper and lower case differ; write \(operand)"
        }
        let trimmed = TextDifference.trimmed(text)
        if !trimmed.hasSameScalars(as: text), condition.wants(trimmed) {
            return "the event's value has white space at an end; write it so, or use prefix, suffix or wildcard"
        }
        if case .wildcard = condition, let hint = FailureSite.wildcardCaseHint(text, wanted.operand ?? "") {
            return hint
        }
        guard let plain = wanted.text, let difference = TextDifference(text, plain) else { return nil }
        switch difference {
        case .letterCase: return nil
        case .space: return "the rule's value has white space at an end; take it out"
        case .composition:
            return "they look the same, but accents are composed in two ways; write \(PlainText.spelledOut(text))"
        case .lookAlike, .several:
            let manner = difference == .several ? "more than one small thing differs:" : "they look alike, but"
            return "\(manner) the event has \(PlainText.spelledOut(text)) and the rule \(PlainText.spelledOut(plain))"
        }
    }

    /// `wildcard` has no form that ignores upper and lower case, but one with a single star at an end needs none.
    private static func wildcardCaseHint(_ text: String, _ operand: String) -> String? {
        let folded = String(decoding: CaseFolding.fold(operand), as: UTF8.self)
        guard (try? Wildcard(folded))?.matches(CaseFolding.fold(text).span) == true else { return nil }
        let words = "only upper and lower case differ"
        let core = PlainText.quoted(operand.trimmedOfStars)
        guard !operand.trimmedOfStars.contains(where: { $0 == "*" || $0 == "\\" }) else { return words }
        switch (operand.hasPrefix("*"), operand.hasSuffix("*")) {
        case (false, true): return "\(words); write {\"prefix\": {\"equals-ignore-case\": \(core)}}"
        case (true, false): return "\(words); write {\"suffix\": {\"equals-ignore-case\": \(core)}}"
        default: return words
        }
    }

    /// A plain value or a wildcard that fits a part only.
    private func operatorHint(_ found: JSONNode, _ wanted: Alternative) -> String? {
        guard case .string(let text) = found.kind, let condition = wanted.condition else { return nil }
        switch condition {
        case .string(let bytes):
            let plain = String(decoding: bytes, as: UTF8.self)
            if plain.contains("*"), (try? Wildcard(plain))?.matches(Array(text.utf8).span) == true {
                return "in a plain value * is only a star; write {\"wildcard\": \(PlainText.quoted(plain))}"
            }
            return FailureSite.partHint(text, plain, PlainText.quoted(plain))
        case .wildcard:
            guard let operand = wanted.operand, let wider = try? Wildcard("*" + operand.trimmedOfStars + "*"),
                wider.matches(Array(text.utf8).span)
            else { return nil }
            let fix = PlainText.quoted("*" + operand.trimmedOfStars + "*")
            return "a wildcard must fit the whole value; write {\"wildcard\": \(fix)} if a part is enough"
        case .address(let range):
            guard let address = NumericAddress(Array(text.utf8).span) else { return "this is no IP address" }
            return address.isIPv6 == range.isIPv6 ? nil : "IPv4 and IPv6 never match each other"
        default: return nil
        }
    }

    /// Short texts stand in many others by chance.
    private static let shortestPart = 3

    private static func partHint(_ text: String, _ part: String, _ quoted: String) -> String? {
        guard min(part.utf8.count, text.utf8.count) >= shortestPart else { return nil }
        if text.utf8.starts(with: part.utf8) {
            return "it begins with that; write {\"prefix\": \(quoted)} if that is enough"
        }
        if text.utf8.reversed().starts(with: part.utf8.reversed()) {
            return "it ends with that; write {\"suffix\": \(quoted)} if that is enough"
        }
        if part.utf8.starts(with: text.utf8) || part.utf8.reversed().starts(with: text.utf8.reversed()) {
            return "the event has only a part of that"
        }
        return nil
    }

    private func spellingHint(_ found: JSONNode, _ wanted: Alternative) -> String? {
        guard case .string(let text) = found.kind, let plain = wanted.text,
            min(text.utf8.count, plain.utf8.count) > FailureSite.shortestPart, text.digits == plain.digits
        else { return nil }
        guard Spelling.nearest(to: plain, among: [text]) != nil else { return nil }
        return "did you mean \(PlainText.quoted(text))?"
    }
}

extension FailureSite.Alternative {
    /// The value of `{"operator": value}` where that is a string.
    fileprivate var operand: String? {
        guard case .object(let members) = node.kind, case .string(let text)? = members.first?.value.kind else {
            return nil
        }
        return text
    }

    var operatorName: String {
        if case .object(let members) = node.kind { members.first?.key ?? "" } else { "" }
    }

    /// A whole text: a plain value, or that of `equals-ignore-case`.
    fileprivate var text: String? {
        if case .string(let text) = node.kind { return text }
        if case .equalsIgnoringCase? = condition { return operand }
        return nil
    }

    /// The same alternative as one that takes upper and lower case for the same.
    fileprivate var ignorableCase: String? {
        switch condition {
        case .string(let bytes):
            return "{\"equals-ignore-case\": \(PlainText.quoted(String(decoding: bytes, as: UTF8.self)))}"
        case .prefix, .suffix:
            return operand.map { "{\"\(operatorName)\": {\"equals-ignore-case\": \(PlainText.quoted($0))}}" }
        default: return nil
        }
    }
}

extension Condition {
    /// Whether it would be satisfied if it did not look at upper and lower case.
    fileprivate func isSatisfied(whereCaseOf text: String) -> Bool {
        let folded = CaseFolding.fold(text)
        switch self {
        case .string(let wanted): return folded == CaseFolding.fold(wanted.span)
        case .prefix(let wanted): return folded.span.hasPrefix(CaseFolding.fold(wanted.span))
        case .suffix(let wanted): return folded.span.hasSuffix(CaseFolding.fold(wanted.span))
        default: return false
        }
    }

    /// Whether it asks for something that this text has; `anything-but` asks for nothing.
    fileprivate func wants(_ text: String) -> Bool {
        if case .noneOf = self { false } else { isSatisfied(by: .string, Array(text.utf8).span) }
    }
}

extension String {
    fileprivate var digits: String { filter(\.isNumber) }

    fileprivate var trimmedOfStars: String {
        var rest = self[...]
        while rest.first == "*" { rest.removeFirst() }
        while rest.last == "*", !rest.hasSuffix("\\*") { rest.removeLast() }
        return String(rest)
    }
}
