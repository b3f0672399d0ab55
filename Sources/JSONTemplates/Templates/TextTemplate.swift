/// A text with `${expression}` in it which is no JSON template: the value of a header, a URL.
package struct TextTemplate: Sendable {
    private let parts: [TextPart]

    /// - Returns: nil where nothing in the text is to be rendered.
    /// - Throws: the first syntax fault.
    package init?(_ text: String) throws(TemplateError) {
        guard let parts = try Interpolation.parts(of: text) else { return nil }
        self.parts = parts
    }

    /// The text with something in the place of each expression.
    package func text(each placeholder: String) -> String {
        parts.map { if case .literal(let text) = $0 { text } else { placeholder } }.joined()
    }

    /// The pieces that stand between the expressions.
    package var literals: [String] { parts.compactMap { if case .literal(let text) = $0 { text } else { nil } } }

    /// Renders the text.
    /// - Parameters:
    ///   - now: milliseconds since 1970-01-01T00:00:00Z, the same for the whole render.
    ///   - encode: how the value of each expression is written.
    package func render(
        _ context: TemplateContext, functions: HostFunctions = HostFunctions(), now: Int64,
        limits: Budget.Limits = Budget.Limits(), encode: (String) -> String = { $0 }
    ) throws(TemplateError) -> String {
        var renderer = Renderer(functions: functions, now: now, limits: limits)
        let scope = Scope(context.fields)
        var text = ""
        for part in parts {
            let piece = try renderer.text([part], scope)
            if case .literal = part { text += piece } else { text += encode(piece) }
            try renderer.budget.checkSize(text.utf8.count)
        }
        return text
    }
}
