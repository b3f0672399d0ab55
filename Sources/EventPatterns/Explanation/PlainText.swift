internal import JSON

/// Values as sentences show them: compact JSON, safe for a terminal, and not too long.
enum PlainText {
    /// Of a longer value only the beginning is shown; in characters.
    static let longestValue = 60
    private static let mostValues = 4

    /// One value as compact JSON.
    static func value(_ value: JSONValue) -> String {
        if case .string(let text) = value, text.unicodeScalars.count > longestValue {
            let count = text.unicodeScalars.count
            return quoted(String(text.unicodeScalars.prefix(longestValue - 10))) + "… (\(count) characters)"
        }
        let text = JSONSerializer.text(value)
        guard text.unicodeScalars.count > longestValue else { return escaped(text) }
        return escaped(String(text.unicodeScalars.prefix(longestValue - 10))) + "…"
    }

    /// Some values joined with commas and a last word; of many only the first ones.
    static func list(_ values: [JSONValue], _ conjunction: String) -> String {
        var words = values.prefix(mostValues).map(value)
        if values.count > mostValues { words[mostValues - 1] = "\(values.count - mostValues + 1) more" }
        guard let last = words.popLast(), !words.isEmpty else { return values.first.map(value) ?? "nothing" }
        return words.joined(separator: ", ") + " \(conjunction) " + last
    }

    /// A string as a JSON literal.
    static func quoted(_ text: String) -> String { escaped(JSONSerializer.quoted(text)) }

    /// What a terminal would obey, and what nobody can see, becomes a JSON escape; a space stays.
    static func escaped(_ text: String) -> String { escaped(text) { !isVisible($0) } }

    /// A string as a JSON literal in which everything but ASCII is an escape, so that look-alikes can be told apart.
    static func spelledOut(_ text: String) -> String {
        escaped(JSONSerializer.quoted(text)) { !$0.isASCII || !isVisible($0) }
    }

    private static func escaped(_ text: String, where needsEscape: (Unicode.Scalar) -> Bool) -> String {
        var output = ""
        for scalar in text.unicodeScalars {
            guard needsEscape(scalar) else {
                output.unicodeScalars.append(scalar)
                continue
            }
            for unit in UTF16.encode(scalar).map(Array.init) ?? [] {
                let digits = String(unit, radix: 16)
                output += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            }
        }
        return output
    }

    private static func isVisible(_ scalar: Unicode.Scalar) -> Bool {
        if scalar == " " { return true }
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .spaceSeparator, .privateUse, .unassigned:
            return false
        default: return true
        }
    }
}
