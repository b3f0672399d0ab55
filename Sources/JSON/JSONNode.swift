/// A JSON value together with the place where it stands, for files that people write by hand.
package struct JSONNode: Sendable {
    package enum Kind: Sendable {
        case null
        case bool(Bool)
        case number(JSONNumber)
        case string(String)
        case array([JSONNode])
        case object([Member])
    }

    package struct Member: Sendable {
        package let key: String
        /// Byte offset of the key's opening quote.
        package let keyOffset: Int
        package let value: JSONNode

        package init(key: String, keyOffset: Int, value: JSONNode) {
            self.key = key
            self.keyOffset = keyOffset
            self.value = value
        }
    }

    package let kind: Kind
    /// Byte offset of the value's first byte in its text.
    package let offset: Int

    package init(_ kind: Kind, offset: Int) {
        self.kind = kind
        self.offset = offset
    }

    /// The value without its places.
    package var value: JSONValue {
        switch kind {
        case .null: .null
        case .bool(let value): .bool(value)
        case .number(let number): .number(number)
        case .string(let text): .string(text)
        case .array(let elements): .array(elements.map(\.value))
        case .object(let members):
            .object(JSONObject(members.map { JSONObject.Member(key: $0.key, value: $0.value.value) }))
        }
    }

    /// What an error message calls this kind of value.
    package var kindName: String {
        switch kind {
        case .null: "null"
        case .bool: "true or false"
        case .number: "a number"
        case .string: "a string"
        case .array: "a list"
        case .object: "an object"
        }
    }
}

extension JSONNode {
    /// Parses one JSON text and keeps the place of each value.
    /// - Throws: the first fault with its byte offset; a duplicate key only where `limits` do not allow it.
    package static func parse(
        _ bytes: [UInt8], limits: JSONLimits = JSONLimits()
    ) throws(JSONError) -> JSONNode {
        var builder = JSONNodeBuilder()
        try JSONScanner.scan(bytes, limits: limits, visitor: &builder)
        guard let root = builder.root else { throw JSONError(.unexpectedEnd, offset: bytes.count) }
        return root
    }

    /// Parses one JSON text in which keys may stand twice, and says where each repeat's opening quote is. The tree
    /// keeps the repeats too.
    /// - Throws: the first fault with its byte offset, which is never a duplicate key.
    package static func parseCollectingDuplicates(
        _ bytes: [UInt8], limits: JSONLimits = JSONLimits()
    ) throws(JSONError) -> (root: JSONNode, duplicateOffsets: [Int]) {
        var limits = limits
        limits.refusesDuplicates = false
        var builder = JSONNodeBuilder()
        try JSONScanner.scan(bytes, limits: limits, visitor: &builder)
        guard let root = builder.root else { throw JSONError(.unexpectedEnd, offset: bytes.count) }
        return (root, builder.duplicateOffsets)
    }
}

extension JSONValue {
    /// Parses one JSON text.
    /// - Throws: the first fault with its byte offset.
    package static func parse(
        _ bytes: [UInt8], limits: JSONLimits = JSONLimits()
    ) throws(JSONError) -> JSONValue {
        try JSONNode.parse(bytes, limits: limits).value
    }
}

/// Collects what the scanner sees into a tree.
struct JSONNodeBuilder: JSONVisitor {
    private enum Open {
        case array([JSONNode], offset: Int)
        case object([JSONNode.Member], offset: Int, key: String, keyOffset: Int)
    }

    private(set) var root: JSONNode?
    private(set) var duplicateOffsets: [Int] = []
    private var stack: [Open] = []

    mutating func scalar(_ scalar: JSONScalar, text: Span<UInt8>, at offset: Int) {
        switch scalar {
        case .null: add(JSONNode(.null, offset: offset))
        case .bool(let value): add(JSONNode(.bool(value), offset: offset))
        case .number: add(JSONNode(.number(JSONNumber(checked: String(span: text))), offset: offset))
        case .string: add(JSONNode(.string(String(span: text)), offset: offset))
        }
    }

    mutating func beginObject(at offset: Int) { stack.append(.object([], offset: offset, key: "", keyOffset: 0)) }

    mutating func beginArray(at offset: Int) { stack.append(.array([], offset: offset)) }

    mutating func key(_ text: Span<UInt8>, at offset: Int) {
        guard case .object(let members, let start, _, _) = stack.popLast() else { return }
        stack.append(.object(members, offset: start, key: String(span: text), keyOffset: offset))
    }

    mutating func duplicateKey(at offset: Int) { duplicateOffsets.append(offset) }

    mutating func endObject() {
        guard case .object(let members, let offset, _, _) = stack.popLast() else { return }
        add(JSONNode(.object(members), offset: offset))
    }

    mutating func endArray() {
        guard case .array(let elements, let offset) = stack.popLast() else { return }
        add(JSONNode(.array(elements), offset: offset))
    }

    private mutating func add(_ node: JSONNode) {
        switch stack.popLast() {
        case nil: root = node
        case .array(var elements, let offset):
            elements.append(node)
            stack.append(.array(elements, offset: offset))
        case .object(var members, let offset, let key, let keyOffset):
            members.append(JSONNode.Member(key: key, keyOffset: keyOffset, value: node))
            stack.append(.object(members, offset: offset, key: "", keyOffset: 0))
        }
    }
}
