internal import JSON

/// What to say where the event's value is of another kind than the rule's: no kind equals another one.
extension FailureSite {
    private var isTracking: Bool { field.path.hasPrefix("tracking.") }

    /// The same text as a value of another kind.
    func sameTextHint(_ found: JSONNode, _ wanted: Alternative) -> String? {
        guard let condition = wanted.condition else { return nil }
        switch (found.kind, condition) {
        case (.string(let text), .number), (.string(let text), .bool), (.string(let text), .null):
            return Probe(literal: text)?.satisfies(condition) == true ? withQuotes(text) : nil
        case (.string(let text), .numeric): return JSONNumber(text: text) == nil ? nil : numbersOnly
        case (_, .string(let text)):
            let literal = JSONSerializer.text(found.value)
            return literal.utf8.elementsEqual(text) ? FailureSite.withoutQuotes(found, literal) : nil
        default: return nil
        }
    }

    /// No alternative is of the kind that the event has, so that no other value would do either.
    func otherKindHint(_ found: JSONNode, _ wanted: Alternative) -> String? {
        guard let kind = found.valueKind, let condition = wanted.condition,
            alternatives.allSatisfy({ $0.condition?.valueKind.map { $0 != kind } ?? false })
        else { return nil }
        switch (condition, kind) {
        case (.numeric, .string): return numbersOnly
        case (.number(let number), .string): return withQuotes(String(decoding: number.text, as: UTF8.self))
        case (.string(let bytes), .number):
            let text = String(decoding: bytes, as: UTF8.self)
            return JSONNumber(text: text) == nil
                ? "the event has a number, not a string" : FailureSite.withoutQuotes(found, text)
        case (.bool, _), (.number, _), (.numeric, _), (.string, _): return nil
        case (_, .number):
            return "\(wanted.operatorName) looks at strings only, and this is a number; write numbers themselves, "
                + "or use numeric"
        default: return "\(wanted.operatorName) looks at strings only, and this is \(found.kindName)"
        }
    }

    private var numbersOnly: String {
        let kind = isTracking ? "tracking values are always strings" : "this is a string"
        return "numeric looks at numbers only, and \(kind); list the texts, or use prefix or wildcard"
    }

    private func withQuotes(_ literal: String) -> String {
        "\(isTracking ? "tracking values are always strings" : "the event has a string"); "
            + "write \(PlainText.quoted(literal)) with quotes"
    }

    private static func withoutQuotes(_ found: JSONNode, _ literal: String) -> String {
        "the event has \(found.kindName), not a string; write \(PlainText.escaped(literal)) without quotes"
    }

    // MARK: - Emptiness

    /// A missing field, `null` and `""` are three things.
    func emptinessHint(_ found: JSONNode, _ wanted: Alternative) -> String? {
        guard found.isNull || found.isEmptyString else { return nil }
        let value = found.isNull ? "null" : "\"\""
        let fix = "add \(value) to the list if it should match"
        if wanted.condition == nil { return "\(value) counts as a value, so the field is not absent; \(fix)" }
        if wanted.node.isNull || wanted.node.isEmptyString { return "null and \"\" are two things; \(fix)" }
        return nil
    }
}

private enum ValueKind {
    case bool, number, string
}

extension JSONNode {
    fileprivate var valueKind: ValueKind? {
        switch kind {
        case .bool: .bool
        case .number: .number
        case .string: .string
        case .null, .array, .object: nil
        }
    }
}

extension Condition {
    /// The only kind of value that it takes; nil where it takes several, or null.
    fileprivate var valueKind: ValueKind? {
        switch self {
        case .bool: .bool
        case .number, .numeric: .number
        case .string, .prefix, .suffix, .equalsIgnoringCase, .prefixIgnoringCase, .suffixIgnoringCase, .wildcard,
            .address:
            .string
        case .null, .exists, .absent, .noneOf: nil
        }
    }
}
