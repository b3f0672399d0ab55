package import JSON

/// A template of JSON-e 4.8 (its published specification), parsed once and rendered often.
package struct Template: Sendable {
    private let root: TemplateNode
    /// What is wrong with the text; a render fails where it meets one of these.
    package let faults: [TemplateError]

    /// Keeps a template with its faults, as JSON-e does: it complains only about what a render reaches.
    package init(_ node: JSONNode) {
        var parser = TemplateParser()
        root = parser.parse(node)
        faults = parser.faults
    }

    /// Parses a template of which every branch is well formed.
    /// - Throws: all syntax faults at once, each with its place.
    package static func parse(_ node: JSONNode) throws(TemplateFaults) -> Template {
        let template = Template(node)
        guard template.faults.isEmpty else { throw TemplateFaults(faults: template.faults) }
        return template
    }

    /// Renders the template.
    /// - Parameter now: milliseconds since 1970-01-01T00:00:00Z, the same for the whole render.
    /// - Returns: nil where the template as a whole is left out (`$if` without `else`).
    package func render(
        _ context: TemplateContext, functions: HostFunctions = HostFunctions(), now: Int64,
        limits: Budget.Limits = Budget.Limits()
    ) throws(TemplateError) -> JSONValue? {
        var renderer = Renderer(functions: functions, now: now, limits: limits)
        guard let value = try renderer.render(root, Scope(context.fields)) else { return nil }
        var written = OutputSize()
        try written.add(value, &renderer.budget)
        guard let result = value.json else { throw .uncalledFunction }
        return result
    }
}

/// What a template can name: made once for an event, used by many templates.
package struct TemplateContext: Sendable {
    let fields: TemplateFields

    /// - Throws: an error where a key is no name.
    package init(_ object: JSONObject) throws(TemplateError) { try self.init(TemplateFields(object)) }

    package init(_ fields: TemplateFields) throws(TemplateError) {
        guard fields.members.allSatisfy({ Name.isValid($0.key) }) else { throw .badNames(in: "context") }
        self.fields = fields
    }
}

extension TemplateError {
    static func badNames(in place: String) -> TemplateError {
        TemplateError(.template, "top level keys of \(place) must follow /[a-zA-Z_][a-zA-Z0-9_]*/")
    }
}
