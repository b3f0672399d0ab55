internal import JSON

/// A value in the form in which alternatives judge it.
struct Probe {
    private let scalar: FlatEvent.Scalar
    private let text: [UInt8]

    /// Nil for lists and objects.
    init?(_ node: JSONNode) {
        switch node.kind {
        case .null: (scalar, text) = (.null, Array("null".utf8))
        case .bool(let value): (scalar, text) = (.bool(value), Array("\(value)".utf8))
        case .number(let number): (scalar, text) = (.number(number.double), Array(number.text.utf8))
        case .string(let string): (scalar, text) = (.string, Array(string.utf8))
        case .array, .object: return nil
        }
    }

    /// Reads a text as a value of another kind than a string.
    init?(literal: String) {
        guard let node = try? JSONNode.parse(Array(literal.utf8)) else { return nil }
        if case .string = node.kind { return nil }
        self.init(node)
    }

    func satisfies(_ condition: Condition) -> Bool { condition.isSatisfied(by: scalar, text.span) }
}
