import JSONTemplates

/// What an operator reads about a fault of a template: JSON-e's words, and what to do.
enum TemplateAdvice {
    /// A fault of the text: what is wrong, and what to do.
    static func sentence(_ fault: TemplateError) -> String {
        let isSyntax = fault.kind == .syntax
        return (isSyntax ? "the expression is not well formed: " : "") + fault.message
            + (isSyntax ? syntaxFix(fault.message) : templateFix(fault.message))
    }

    private static func syntaxFix(_ message: String) -> String {
        if message.hasPrefix("unterminated") { return ": close it with }" }
        if message.hasPrefix("Unexpected end") { return ": a value or a bracket is missing at its end" }
        if message.hasPrefix("Found:") { return ": remove it, or put a text between quotes" }
        return message.hasPrefix("Unexpected input")
            ? ": texts stand between quotes, names hold letters, digits and \"_\"" : ""
    }

    private static func templateFix(_ message: String) -> String {
        if message.hasPrefix("only one operator") { return ": keep one of the keys that begin with $ here" }
        if message.hasPrefix("$<identifier> is reserved") {
            return " for a key of your own; the operators are \(operators.joined(separator: ", "))"
        }
        let parts = message.split(separator: " ", maxSplits: 3).map(String.init)
        guard parts.count == 4, parts[1] == "has", parts[2] == "undefined" else { return "" }
        guard let known = keys[parts[0]] else { return ": remove them" }
        let unknown = parts[3].split(separator: " ").dropFirst().joined(separator: " ")
        return ": it knows \(known.joined(separator: " and "))" + Words.suggestion(for: unknown, among: known)
    }

    private static let operators = [
        "$eval", "$if", "$switch", "$match", "$let", "$map", "$find", "$reduce", "$json", "$merge", "$mergeDeep",
        "$flatten", "$flattenDeep", "$sort", "$reverse", "$fromNow",
    ]

    /// What stands beside an operator.
    private static let keys: [String: [String]] = [
        "$if": ["then", "else"], "$let": ["in"], "$map": ["each(x)"], "$find": ["each(x)"],
        "$reduce": ["each(sum,x)", "initial"], "$sort": ["by(x)"], "$fromNow": ["from"],
    ]

    /// How to write it so that it cannot fail, for the failures that events cause most.
    static func hint(_ message: String) -> String {
        if let name = quoted(message, behind: "object has no property ") {
            return "; where it may be missing write ['\(name)'] instead of .\(name), or ask '\(name)' in … with $if"
        }
        if message.hasPrefix("infix: . expects objects") {
            return "; what stands before the dot may be null: write default(user, {})['name'] for user.name"
        }
        guard message.hasPrefix("unknown context value ") else { return "" }
        let name = String(message.dropFirst("unknown context value ".count))
        let suggestion = Words.suggestion(for: name, among: EventContext.names + HostFunctions.withoutZones.names)
        return suggestion + "; a field that Gruveo does not document is event['\(name)']"
    }

    private static func quoted(_ message: String, behind start: String) -> String? {
        guard message.hasPrefix(start) else { return nil }
        return String(message.dropFirst(start.count).drop { $0 == "\"" }.prefix { $0 != "\"" })
    }
}
