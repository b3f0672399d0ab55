package import JSON

/// A match of the routes file: fields which an event must have, in the language of EventBridge's event patterns.
package struct EventPattern: Sendable {
    /// One field with its alternatives.
    package struct Field: Sendable {
        /// The names from the top joined with ".".
        package let path: String
        /// Byte offset of the field's key.
        package let offset: Int
        /// Alternatives that a value may satisfy.
        let alternatives: Alternatives
        /// Whether `{"exists": false}` is one of the alternatives.
        package let allowsAbsence: Bool
        /// The branches of `$or` that it stands in, from the outside in.
        let branches: [Branch]

        init(path: String, offset: Int, conditions: [Condition], branches: [Branch]) {
            self.path = path
            self.offset = offset
            self.branches = branches
            let values = conditions.filter { if case .absent = $0 { false } else { true } }
            alternatives = Alternatives(values)
            allowsAbsence = values.count < conditions.count
        }
    }

    /// One entry of an `$or`.
    struct Branch: Sendable {
        /// The path of the `$or`.
        let path: String
        /// From 1.
        let number: Int
        let count: Int
    }

    /// Every field in the order of the text, those inside `$or` too.
    package let fields: [Field]
    /// What `$or` comes down to: the pattern matches where all fields of one of these lists do. Without `$or` there is
    /// one list, and for `{}` it is empty. A list keeps the order of the text.
    let conjunctions: [[Int]]
    /// How far on each field stands, to compare fields of different branches; empty where there is one conjunction.
    let ranks: [Int]

    /// - Parameter places: where each field stands among the members: its number, and inside of `$or`, after the number
    ///   of each `$or`, its number in that one's branch.
    init(fields: [Field], conjunctions: [[Int]], places: [[Int]]) {
        self.fields = fields
        self.conjunctions = conjunctions
        ranks = conjunctions.count > 1 ? EventPattern.ranks(of: places) : []
    }

    private static func ranks(of places: [[Int]]) -> [Int] {
        let ordered = Set(places).sorted { $0.lexicographicallyPrecedes($1) }
        let ranks = Dictionary(uniqueKeysWithValues: zip(ordered, ordered.indices))
        return places.map { ranks[$0] ?? 0 }
    }

    /// Reads a pattern.
    /// - Throws: everything that is wrong with it, in the order of the text.
    package static func parse(_ node: JSONNode) throws(PatternFaults) -> EventPattern {
        var parser = PatternParser()
        return try parser.parse(node)
    }
}
