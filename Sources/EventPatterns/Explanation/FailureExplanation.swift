package import JSON

/// Why one pattern does not match one event, in a sentence for the person who wrote the pattern.
///
/// What fails is the matcher's answer; this only finds the words for it, from the texts of the rule and of the event.
package struct FailureExplanation: Sendable {
    /// The field that fails.
    package let path: String
    /// What is found there, what the rule wants, and what to change where that is a known trap.
    package let sentence: String
    /// All values that the event has at the path.
    package let found: [JSONValue]
    /// The alternatives as they are written.
    package let wanted: [JSONValue]

    /// - Parameter rules: the text that the pattern was parsed from, or a larger one around it.
    package init(_ failure: FieldFailure, of pattern: EventPattern, in rules: JSONNode, event: JSONNode) {
        let field = pattern.fields[failure.field]
        let site = FailureSite(field, in: rules, event: event)
        path = field.path
        found = site.lookup.scalars.map(\.node.value)
        wanted = site.alternatives.map(\.node.value)
        let others = pattern.conjunctions[failure.conjunction].lazy.filter { $0 != failure.field }.map {
            FailureSite(pattern.fields[$0], in: rules, event: event)
        }
        let words =
            switch failure.reason {
            case .missing: site.missing()
            case .unwanted: site.unwanted()
            case .present: site.present(beside: Array(others))
            case .otherElement: site.otherElement(than: Array(others))
            }
        sentence = FailureExplanation.preamble(field.branches) + words
    }

    /// Inside `$or` no single field is to blame: the one shown is of a branch that came furthest.
    private static func preamble(_ branches: [EventPattern.Branch]) -> String {
        guard let outer = branches.first else { return "" }
        let inner = branches.dropFirst().map { " and in it branch \($0.number) of \($0.count)" }.joined()
        let path = PlainText.escaped(outer.path)
        let furthest = "branch \(outer.number) of \(outer.count)\(inner)"
        return "no branch of \(path) matches, and none gets further than \(furthest): "
    }
}

/// One field of a rule beside what the event has at its path.
struct FailureSite {
    /// One alternative as it is written and as it is judged.
    struct Alternative {
        let node: JSONNode
        /// Nil for `{"exists": false}`, which no value satisfies.
        let condition: Condition?
    }

    let field: EventPattern.Field
    let alternatives: [Alternative]
    let lookup: EventLookup
    let event: JSONNode

    init(_ field: EventPattern.Field, in rules: JSONNode, event: JSONNode) {
        self.field = field
        self.event = event
        lookup = EventLookup(field.path, in: event)
        var nodes: [JSONNode] = []
        if case .array(let list)? = rules.value(ofKeyAt: field.offset)?.kind { nodes = list }
        var conditions = field.alternatives.conditions.makeIterator()
        alternatives = nodes.map { Alternative(node: $0, condition: $0.isAbsence ? nil : conditions.next()) }
    }

    /// The path for a sentence; a name may be empty or hold spaces.
    var name: String {
        let isPlain = !field.path.isEmpty && !field.path.utf8.contains(UInt8(ascii: " "))
        return isPlain ? PlainText.escaped(field.path) : PlainText.quoted(field.path)
    }

    private var wants: String { "but the rule wants " + PlainText.list(alternatives.map(\.node.value), "or") }

    private var has: String {
        let values = lookup.scalars.map(\.node.value)
        return "\(name) \(values.count > 1 ? "has" : "is") \(PlainText.list(values, "and"))"
    }

    func missing() -> String {
        if let words = container() { return words }
        let hint = keyHint() ?? absenceHint()
        return "\(name) is missing, \(wants)" + (hint.map { ": \($0)" } ?? "")
    }

    func unwanted() -> String { "\(has), \(wants)" + (valueHint().map { ": \($0)" } ?? "") }

    func present(beside others: [FailureSite]) -> String {
        let words = "\(has), \(wants)"
        let isEmptyText = lookup.scalars.contains { $0.node.isEmptyString }
        if isEmptyText || lookup.scalars.contains(where: \.node.isNull) {
            let value = isEmptyText ? "\"\"" : "null"
            return words + ": \(value) counts as a value; add \(value) to the list if it should match"
        }
        let arrays = Set(others.flatMap(\.lookup.scalars).flatMap(\.elements).map(\.array))
        guard let array = lookup.scalars.first?.elements.last(where: { arrays.contains($0.array) }) else {
            return words
        }
        return words + ": it may not be in the element of \(PlainText.escaped(array.path)) where the other fields match"
    }

    // MARK: - Arrays

    /// Each field finds a value, but this one only in elements that another one rules out.
    func otherElement(than others: [FailureSite]) -> String {
        let rivals = others.compactMap { other in clash(with: other).map { (site: other, clash: $0) } }
        let decisive = rivals.first { $0.clash.isAlways }.map { [$0] } ?? rivals
        guard let array = decisive.first?.clash.array else {
            return "\(fits), but not in an array element where the other fields fit too: all must stand in one element"
        }
        let places = decisive.map(\.site.fitsThere).joined(separator: " and ")
        return "\(fits), but not in the element of \(PlainText.escaped(array)) where \(places): "
            + "\(decisive.count > 1 ? "all" : "both") must stand in one element"
    }

    private var fits: String { "\(name) has the wanted \(PlainText.list(satisfying.map(\.node.value), "and"))" }

    private var fitsThere: String { "\(name) has \(PlainText.list(satisfying.map(\.node.value), "and"))" }

    private var satisfying: [EventLookup.Found] {
        lookup.scalars.filter { found in
            guard let probe = Probe(found.node) else { return false }
            return field.alternatives.conditions.contains { probe.satisfies($0) }
        }
    }

    /// The array in which two fields choose different elements, and whether they always do; nil where they never do.
    private func clash(with other: FailureSite) -> (array: String, isAlways: Bool)? {
        var array: String?
        var isAlways = true
        // As many as are likely to be looked at: the answer is only for the words.
        let rivals = other.satisfying.prefix(100)
        for mine in satisfying.prefix(100) {
            for theirs in rivals {
                let pair = zip(mine.elements, theirs.elements).first { $0.array != $1.array || $0.index != $1.index }
                if let pair, pair.0.array == pair.1.array { array = array ?? pair.0.path } else { isAlways = false }
            }
        }
        return array.map { ($0, isAlways) }
    }
}

extension JSONNode {
    /// Whether this alternative is `{"exists": false}`.
    fileprivate var isAbsence: Bool {
        guard case .object(let members) = kind, members.count == 1, members[0].key.hasSameScalars(as: "exists"),
            case .bool(false) = members[0].value.kind
        else { return false }
        return true
    }

    var isNull: Bool { if case .null = kind { true } else { false } }

    var isEmptyString: Bool { if case .string(let text) = kind { text.isEmpty } else { false } }
}
