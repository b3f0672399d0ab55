import EventPatterns
import JSON

/// Judges the alternatives of a field whose values Gruveo documents.
struct ValueLint {
    enum Verdict {
        case fits
        case never(String)
        /// It fits, and not what was meant.
        case odd(String)

        var message: String? {
            switch self {
            case .fits: nil
            case .never(let message), .odd(let message): message
            }
        }

        var isNever: Bool { if case .never = self { true } else { false } }
    }

    let kind: GruveoField
    let isTracking: Bool
    let field: PatternOutline.Field

    func verdict(_ alternative: PatternOutline.Alternative) -> Verdict {
        guard !alternative.isAbsence, !alternative.isPresence else { return .fits }
        if alternative.kinds.isDisjoint(with: kind.kinds) { return otherKind(alternative) }
        if case .resolution = kind { return resolution(alternative) }
        return .fits
    }

    // MARK: - Kinds

    private func otherKind(_ alternative: PatternOutline.Alternative) -> Verdict {
        let shown = PatternLint.excerpt(alternative.node)
        if case .null = alternative.node.kind {
            let fix = "for a missing one write {\"exists\": false}"
            if isTracking { return .never("\(what), so null never fits: \(fix)") }
            return field.allowsAbsence ? .fits : .odd("null is a value, and Gruveo leaves out what it lacks: \(fix)")
        }
        if alternative.isAnythingBut { return .odd("\(what), so \(shown) keeps nothing out: \(fix(alternative))") }
        return .never("\(what), so \(shown) never fits: \(fix(alternative))")
    }

    /// The field's kind in a sentence's beginning.
    private var what: String {
        if isTracking { return "tracking values are strings" }
        if case .number = kind { return "\(field.path) is a number" }
        return "\(field.path) is a string"
    }

    private func fix(_ alternative: PatternOutline.Alternative) -> String {
        var node = alternative.node
        if alternative.isAnythingBut, case .object(let members) = node.kind, let operand = members.first?.value {
            node = operand
        }
        if case .resolution = kind { return ValueLint.resolutions }
        switch node.kind {
        case .string(let text) where JSONNumber(text: text) != nil: return "write \(PatternLint.excerpt(text))"
        case .number, .bool: return "write \"\(PatternLint.excerpt(JSONSerializer.text(node.value)))\""
        default: break
        }
        if case .number = kind { return "write a number without quotes, or {\"numeric\": [\">\", 5]}" }
        return "write values in quotes, or {\"prefix\": \"text\"}"
    }

    // MARK: - Resolutions

    private static let resolutions = "it is \(Words.choice(GruveoField.resolutions))"

    private func resolution(_ alternative: PatternOutline.Alternative) -> Verdict {
        let fitting = GruveoField.resolutions.count { alternative.isSatisfied(by: $0) }
        if alternative.isAnythingBut {
            if fitting == 0 { return .never("this keeps out every resolution: \(ValueLint.resolutions)") }
            let words = ValueLint.words(alternative.node)
            if let wrong = words.first(where: { !GruveoField.resolutions.contains($0) }) {
                return .odd(ValueLint.noResolution(wrong))
            }
            let keepsNone = fitting == GruveoField.resolutions.count
            return keepsNone ? .odd("this keeps out no resolution: \(ValueLint.resolutions)") : .fits
        }
        if fitting > 0 { return .fits }
        if case .string(let word) = alternative.node.kind { return .never(ValueLint.noResolution(word)) }
        return .never("\(PatternLint.excerpt(alternative.node)) fits no resolution: \(ValueLint.resolutions)")
    }

    private static func noResolution(_ word: String) -> String {
        let near = Words.nearest(to: word, among: GruveoField.resolutions)
        let advice = near.map { ", did you mean \(Words.quoted($0))?" } ?? ": \(resolutions)"
        return "no call has the resolution \(Words.quoted(word))\(advice)"
    }

    /// The strings that an anything-but names outright.
    private static func words(_ node: JSONNode) -> [String] {
        guard case .object(let members) = node.kind, let operand = members.first?.value else { return [] }
        var nodes = [operand]
        if case .array(let list) = operand.kind { nodes = list }
        return nodes.compactMap { if case .string(let word) = $0.kind { word } else { nil } }
    }
}
