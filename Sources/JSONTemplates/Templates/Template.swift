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
        guard let (value, _) = try result(context, functions, now, limits) else { return nil }
        return value.json
    }

    /// Renders the template and writes the result as compact JSON.
    /// - Parameter now: milliseconds since 1970-01-01T00:00:00Z, the same for the whole render.
    /// - Returns: nil where the template as a whole is left out (`$if` without `else`).
    package func json(
        _ context: TemplateContext, functions: HostFunctions = HostFunctions(), now: Int64,
        limits: Budget.Limits = Budget.Limits()
    ) throws(TemplateError) -> [UInt8]? {
        try result(context, functions, now, limits)?.json
    }

    /// The result, which has been written to know its size and that no function is in it.
    private func result(
        _ context: TemplateContext, _ functions: HostFunctions, _ now: Int64, _ limits: Budget.Limits
    ) throws(TemplateError) -> (value: TemplateValue, json: [UInt8])? {
        var renderer = Renderer(functions: functions, now: now, limits: limits)
        guard let value = try renderer.render(root, Scope(context.fields)) else { return nil }
        var output = JSONOutput(capacity: value.size)
        try output.write(value, &renderer.budget)
        return (value, output.bytes)
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

    /// Makes a context of what is given, of names that are always there, and of the other members of an object.
    /// - Parameters:
    ///   - given: names that the object cannot change.
    ///   - always: other names, and what stands for those that the object lacks or whose value does not fit.
    ///   - object: a member whose key is no name, or `now`, is left out.
    ///   - fitted: what of a value fits the name at this place of `always`; nil for nothing.
    package init(
        given: [TemplateFields.Member], always: [TemplateFields.Member], others object: TemplateFields,
        fitted: (_ place: Int, TemplateValue) -> TemplateValue?
    ) {
        var members: [TemplateFields.Member] = []
        members.reserveCapacity(given.count + always.count + object.members.count)
        members.append(contentsOf: given)
        members.append(contentsOf: always)
        let known = members.count
        // By index: a loop over the members would be given copies of them.
        for index in object.members.indices {
            let name = object.members[index].name
            if let place = members.place(of: name, before: known) {
                guard place >= given.count, let value = fitted(place - given.count, object.members[index].value) else {
                    continue
                }
                members[place] = TemplateFields.Member(name, value)
            } else if name != .now, Name.isValid(name.text) {
                members.append(object.members[index])
            }
        }
        fields = TemplateFields(members)
    }
}

extension TemplateError {
    static func badNames(in place: String) -> TemplateError {
        TemplateError(.template, "top level keys of \(place) must follow /[a-zA-Z_][a-zA-Z0-9_]*/")
    }
}
