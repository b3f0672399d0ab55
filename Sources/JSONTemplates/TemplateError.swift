import JSON

/// Why a template cannot be parsed or rendered, in the words of JSON-e's specification where it has words for it.
package struct TemplateError: Error, Sendable, Equatable, CustomStringConvertible {
    package enum Kind: String, Sendable {
        case template = "TemplateError"
        case syntax = "SyntaxError"
        case interpreter = "InterpreterError"
        case builtin = "BuiltinError"
        /// The render was stopped; JSON-e itself knows no budgets.
        case budget = "BudgetError"
    }

    private static let longestMessage = 500

    package let kind: Kind
    /// The message in full, for who has to take something out of it before it is cut.
    package let wholeMessage: String
    /// Where in the template, as JSON-e writes it: `.a[0]["x y"]`; operators add nothing. Empty is the whole template.
    package private(set) var path = ""
    /// Byte offset of the innermost template value in its file.
    package private(set) var offset: Int?
    /// Of a syntax fault: byte offset in the text of the expression; nil where nothing in it is to blame.
    package let position: Int?

    package init(_ kind: Kind, _ message: String, position: Int? = nil) {
        self.kind = kind
        self.position = position
        wholeMessage = message
    }

    package var message: String { TemplateError.shortened(wholeMessage) }

    package var description: String {
        path.isEmpty ? "\(kind.rawValue): \(message)" : "\(kind.rawValue) at template\(path): \(message)"
    }

    /// The error as seen from the value at `offset`; the innermost one stays.
    func located(at offset: Int) -> TemplateError {
        var located = self
        located.offset = self.offset ?? offset
        return located
    }

    /// The error as seen from the object around it.
    func inside(key: String) -> TemplateError {
        let key = TemplateError.shortened(key, to: 100)
        return inside(segment: Name.isValid(key) ? ".\(key)" : "[\(JSONSerializer.quoted(key))]")
    }

    /// The error as seen from the list around it.
    func inside(index: Int) -> TemplateError { inside(segment: "[\(index)]") }

    /// A text of the template, the event or an answer must not fill a log.
    package static func shortened(_ text: String, to most: Int = longestMessage) -> String {
        text.utf8.count <= most ? text : String(text.unicodeScalars.prefix(most)) + "…"
    }

    private func inside(segment: String) -> TemplateError {
        var moved = self
        moved.path = segment + path
        return moved
    }
}

/// All that is wrong with a template's text, in the order of the file.
package struct TemplateFaults: Error, Sendable, Equatable {
    package let faults: [TemplateError]
}

/// The names which an expression can call: `[a-zA-Z_][a-zA-Z0-9_]*`.
package enum Name {
    package static func isValid(_ text: String) -> Bool {
        guard let first = text.utf8.first, starts(first) else { return false }
        for byte in text.utf8 where !continues(byte) { return false }
        return true
    }

    static func starts(_ byte: UInt8) -> Bool {
        (byte | 0x20) &- UInt8(ascii: "a") < 26 || byte == UInt8(ascii: "_")
    }

    static func continues(_ byte: UInt8) -> Bool { starts(byte) || byte &- UInt8(ascii: "0") < 10 }
}
