package import JSON

/// Why an event cannot be matched; such an event is quarantined.
package enum EventFault: Error, Sendable, Equatable {
    /// Not JSON by our strict rules; the place is in the event.
    case json(JSONError, SourcePosition)
    case notAnObject(found: String)
    /// Too many ways to pick elements of arrays which meet under one dotted name.
    case tooEntangled
    /// Too many or too long values for what the rules ask of them.
    case tooCostly

    /// One line for the operator, who wrote the rules but not the event.
    package var reason: String {
        switch self {
        case .json(let error, let position): "\(EventFault.words(error)) at \(position)"
        case .notAnObject(let found): "the body is \(found), not a JSON object"
        case .tooEntangled: "arrays too entangled to tell which elements belong together"
        case .tooCostly: "more values, or longer ones, than these rules can be asked about"
        }
    }

    private static let longestKey = 64

    private static func words(_ error: JSONError) -> String {
        switch error.kind {
        case .duplicateKey(let key):
            let isLong = key.utf8.count > longestKey
            return "duplicate key " + JSONSerializer.quoted(isLong ? String(key.prefix(longestKey)) + "…" : key)
        case .invalidUTF8: return "invalid UTF-8"
        case .byteOrderMark: return "byte order mark"
        case .comment: return "comment in JSON"
        case .trailingComma: return "comma before a closing bracket"
        case .controlCharacter: return "control character in a string"
        default: return error.message
        }
    }
}
