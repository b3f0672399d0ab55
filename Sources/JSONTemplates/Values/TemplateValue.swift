package import JSON

/// A value while a template is rendered: JSON, or a function, which must not be left in the result.
package enum TemplateValue: Sendable {
    case null
    case bool(Bool)
    case number(TemplateNumber)
    case string(String)
    case list(TemplateList)
    case object(TemplateFields)
    case function(TemplateFunction)
}

/// A list that knows how deep and how large it is, so that a budget can refuse it without walking through it.
package final class TemplateList: Sendable {
    package let elements: [TemplateValue]
    let depth: Int
    /// Bytes that it would have as JSON, without the escapes.
    let size: Int

    package init(_ elements: [TemplateValue]) {
        self.elements = elements
        var (depth, size) = (0, 2)
        for index in elements.indices {
            depth = max(depth, elements[index].depth)
            size += elements[index].size + 1
        }
        self.depth = depth + 1
        self.size = size
    }
}

extension TemplateValue {
    var depth: Int {
        switch self {
        case .list(let list): list.depth
        case .object(let fields): fields.depth
        default: 0
        }
    }

    /// Bytes that it would have as JSON, without the escapes.
    var size: Int {
        switch self {
        case .null, .bool, .function: 4
        case .number(let number): number.size
        case .string(let text): text.utf8.count + 2
        case .list(let list): list.size
        case .object(let fields): fields.size
        }
    }

    package var isTruthy: Bool {
        switch self {
        case .null: false
        case .bool(let value): value
        case .number(let number): number.double != 0
        case .string(let text): !text.isEmpty
        case .list(let list): !list.elements.isEmpty
        case .object(let fields): !fields.members.isEmpty
        case .function: true
        }
    }

    /// The name that `typeof` gives.
    package var typeName: String {
        switch self {
        case .null: "null"
        case .bool: "boolean"
        case .number: "number"
        case .string: "string"
        case .list: "array"
        case .object: "object"
        case .function: "function"
        }
    }

    /// The text of a scalar, as `str` gives it; nil for all else.
    package var scalarText: String? {
        switch self {
        case .null: "null"
        case .bool(let value): value ? "true" : "false"
        case .number(let number): number.text
        case .string(let text): text
        case .list, .object, .function: nil
        }
    }

    package static func number(_ value: Int) -> TemplateValue { .number(.computed(Double(value))) }
}

// MARK: - From and to JSON

extension TemplateValue {
    package init(_ value: JSONValue) {
        switch value {
        case .null: self = .null
        case .bool(let value): self = .bool(value)
        case .number(let number): self = .number(TemplateNumber(number))
        case .string(let text): self = .string(text)
        case .array(let elements): self = .list(TemplateList(elements.map { TemplateValue($0) }))
        case .object(let object): self = .object(TemplateFields(object))
        }
    }

    /// The value as JSON, or nil where a function is in it.
    package var json: JSONValue? {
        switch self {
        case .null: return .null
        case .bool(let value): return .bool(value)
        case .number(let number): return .number(number.json)
        case .string(let text): return .string(text)
        case .list(let list):
            var elements: [JSONValue] = []
            elements.reserveCapacity(list.elements.count)
            for element in list.elements {
                guard let element = element.json else { return nil }
                elements.append(element)
            }
            return .array(elements)
        case .object(let fields): return fields.json.map { .object($0) }
        case .function: return nil
        }
    }
}
