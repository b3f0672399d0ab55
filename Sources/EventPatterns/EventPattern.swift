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
        let conditions: [Condition]
        /// Whether `{"exists": false}` is one of the alternatives.
        package let allowsAbsence: Bool

        init(path: String, offset: Int, conditions: [Condition]) {
            self.path = path
            self.offset = offset
            self.conditions = conditions.filter { if case .absent = $0 { false } else { true } }
            self.allowsAbsence = self.conditions.count < conditions.count
        }
    }

    /// Every field in the order of the text, those inside `$or` too.
    package let fields: [Field]
    /// What `$or` comes down to: the pattern matches where all fields of one of these lists do. Without `$or` there is
    /// one list, and for `{}` it is empty. A list keeps the order of the text.
    let conjunctions: [[Int]]

    /// Reads a pattern.
    /// - Throws: everything that is wrong with it, in the order of the text.
    package static func parse(_ node: JSONNode) throws(PatternFaults) -> EventPattern {
        var parser = PatternParser()
        return try parser.parse(node)
    }
}
