/// A JSON text as a value: members in their order, numbers in their own spelling.
package enum JSONValue: Sendable {
    case null
    case bool(Bool)
    case number(JSONNumber)
    case string(String)
    case array([JSONValue])
    case object(JSONObject)
}

/// The members of a JSON object in the order in which they came; keys differ byte by byte.
package struct JSONObject: Sendable {
    package struct Member: Sendable {
        package let key: String
        package let value: JSONValue

        package init(key: String, value: JSONValue) {
            self.key = key
            self.value = value
        }
    }

    package private(set) var members: [Member]

    package init(_ members: [Member] = []) { self.members = members }

    package init(_ pairs: KeyValuePairs<String, JSONValue>) {
        self.members = pairs.map { Member(key: $0.key, value: $0.value) }
    }

    /// The value of the first member with exactly these scalars as its key.
    package subscript(key: String) -> JSONValue? {
        members.first { $0.key.hasSameScalars(as: key) }?.value
    }

    /// Adds a member at the end; the caller sees to it that the key is new.
    package mutating func append(_ key: String, _ value: JSONValue) {
        members.append(Member(key: key, value: value))
    }
}

extension JSONValue: Equatable {
    /// Equal texts: same kinds, same scalars, same number spelling, members in the same order.
    package static func == (left: JSONValue, right: JSONValue) -> Bool {
        switch (left, right) {
        case (.null, .null): true
        case (.bool(let a), .bool(let b)): a == b
        case (.number(let a), .number(let b)): a.text == b.text
        case (.string(let a), .string(let b)): a.hasSameScalars(as: b)
        case (.array(let a), .array(let b)): a == b
        case (.object(let a), .object(let b)):
            a.members.elementsEqual(b.members) { $0.key.hasSameScalars(as: $1.key) && $0.value == $1.value }
        default: false
        }
    }
}

extension String {
    /// Compares scalar by scalar; `==` would call "é" and "e" + U+0301 the same (canonical equivalence).
    package func hasSameScalars(as other: String) -> Bool {
        guard utf8.count == other.utf8.count else { return false }
        // What is ASCII has one spelling of this length only, and `==` compares it in one step.
        if utf8Span.isKnownASCII { return self == other }
        return utf8.elementsEqual(other.utf8)
    }
}
