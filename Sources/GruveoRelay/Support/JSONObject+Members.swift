import JSON

/// Members of an answer by their kind; nil or nothing where they are missing or of another kind.
extension JSONObject {
    func number(_ key: String) -> Int64? {
        if case .number(let number)? = self[key] { number.int64 } else { nil }
    }

    func text(_ key: String) -> String? {
        if case .string(let text)? = self[key] { text } else { nil }
    }

    func texts(_ key: String) -> [String] {
        guard case .array(let elements)? = self[key] else { return [] }
        return elements.compactMap { if case .string(let text) = $0 { text } else { nil } }
    }

    func objects(_ key: String) -> [JSONObject] {
        guard case .array(let elements)? = self[key] else { return [] }
        return elements.compactMap { if case .object(let object) = $0 { object } else { nil } }
    }
}
