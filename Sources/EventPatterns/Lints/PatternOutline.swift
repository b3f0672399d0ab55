package import JSON

/// A pattern beside its text: what a lint needs to know of it and a running relay does not keep.
package struct PatternOutline {
    /// One alternative of a field.
    package struct Alternative {
        package let node: JSONNode
        let condition: Condition
    }

    /// A name on the way to a field.
    package struct Step {
        package let name: String
        /// Byte offset of the key that the name stands in; names with dots between them share a key.
        package let keyOffset: Int
    }

    package struct Field {
        package let steps: [Step]
        /// The names joined with ".".
        package let path: String
        package let alternatives: [Alternative]
    }

    /// In the order of `EventPattern.fields`.
    package private(set) var fields: [Field] = []
    /// As in `EventPattern`: the pattern matches where all fields of one of these lists do.
    package let conjunctions: [[Int]]

    /// - Parameter node: the text that the pattern was parsed from.
    package init(_ pattern: EventPattern, _ node: JSONNode) {
        conjunctions = pattern.conjunctions
        if case .object(let members) = node.kind { walk(members, [], pattern) }
    }

    private mutating func walk(_ members: [JSONNode.Member], _ parents: [Step], _ pattern: EventPattern) {
        for member in members {
            if member.key.hasSameScalars(as: "$or") {
                guard case .array(let branches) = member.value.kind else { continue }
                for case .object(let inner) in branches.map(\.kind) { walk(inner, parents, pattern) }
                continue
            }
            let names = member.key.split(separator: ".", omittingEmptySubsequences: false)
            let steps = parents + names.map { Step(name: String($0), keyOffset: member.keyOffset) }
            switch member.value.kind {
            case .object(let inner): walk(inner, steps, pattern)
            case .array(let nodes): add(nodes, steps, pattern.fields[fields.count])
            default: break
            }
        }
    }

    private mutating func add(_ nodes: [JSONNode], _ steps: [Step], _ field: EventPattern.Field) {
        // The parsed field keeps its alternatives in their order, all but the absences.
        var present = field.alternatives.conditions.makeIterator()
        let alternatives = nodes.compactMap { node -> Alternative? in
            let condition = PatternOutline.isAbsence(node) ? .absent : present.next()
            return condition.map { Alternative(node: node, condition: $0) }
        }
        fields.append(Field(steps: steps, path: field.path, alternatives: alternatives))
    }

    private static func isAbsence(_ node: JSONNode) -> Bool {
        guard case .object(let members) = node.kind, let member = members.first, case .bool(false) = member.value.kind
        else { return false }
        return member.key.hasSameScalars(as: "exists")
    }
}

/// The kinds of scalars that JSON has.
package struct ScalarKinds: OptionSet, Sendable {
    package let rawValue: UInt8

    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let string = ScalarKinds(rawValue: 1)
    package static let number = ScalarKinds(rawValue: 2)
    package static let bool = ScalarKinds(rawValue: 4)
    package static let null = ScalarKinds(rawValue: 8)
    package static let all: ScalarKinds = [.string, .number, .bool, .null]
}

extension PatternOutline.Alternative {
    /// Whether this is `{"exists": false}`.
    package var isAbsence: Bool { condition == .absent }

    /// Whether this is `{"exists": true}`.
    package var isPresence: Bool { condition == .exists }

    /// Whether this is an anything-but.
    package var isAnythingBut: Bool { if case .noneOf = condition { true } else { false } }

    /// The kinds of values that this tells apart from each other: those it names, or those it excludes.
    package var kinds: ScalarKinds { condition.kinds }

    /// Whether a value that is this string satisfies it.
    package func isSatisfied(by text: String) -> Bool { condition.isSatisfied(by: .string, Array(text.utf8).span) }
}

extension PatternOutline.Field {
    /// Whether the field may be missing.
    package var allowsAbsence: Bool { alternatives.contains { $0.isAbsence } }
}

extension Condition {
    var kinds: ScalarKinds {
        switch self {
        case .null: .null
        case .bool: .bool
        case .number, .numeric: .number
        case .exists: .all
        case .absent: []
        case .noneOf(let excluded): excluded.conditions.reduce([]) { $0.union($1.kinds) }
        case .string, .prefix, .suffix, .equalsIgnoringCase, .prefixIgnoringCase, .suffixIgnoringCase, .wildcard,
            .address:
            .string
        }
    }
}
