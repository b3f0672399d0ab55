import JSON

/// What a service wants to hear: a part of a destination, and how to recognise the service. The format of its file is
/// described in docs/destinations.md.
package struct Preset: Sendable {
    /// A value that the operator gives it under `with`.
    struct Parameter: Sendable {
        let name: String
        let about: String
        let example: JSONNode
        /// Nil where the operator has to give one.
        let standard: JSONNode?
    }

    /// A URL that nobody should send to, and why.
    struct Warning: Sendable {
        let url: URLPattern
        let message: String
    }

    package let name: String
    package let title: String
    package let about: String
    /// What an operator needs beside the name.
    package let needs: [String]
    /// Whether it rests on something that is not confirmed.
    package let isExperimental: Bool
    /// Whether the service answers nobody without `auth`.
    let wantsAuth: Bool
    let urls: [URLPattern]
    let warnings: [Warning]
    let parameters: [Parameter]
    let destination: JSONNode

    /// Reads a preset's file.
    /// - Returns: no preset where one of the findings is an error.
    static func decode(_ file: PresetFile) -> (preset: Preset?, findings: [Finding]) {
        let log = FindingLog()
        switch file.content {
        case .text(let bytes):
            let preset = read(bytes, file, log)
            return (log.hasErrors ? nil : preset, log.findings(in: bytes))
        case .unreadable(let reason):
            log.add(.error, at: FilePlace(offset: 0, path: ""), "cannot be read: \(reason)")
            return (nil, log.findings(in: []))
        }
    }

    private static func read(_ bytes: [UInt8], _ file: PresetFile, _ log: FindingLog) -> Preset? {
        let root: JSONNode
        do throws(JSONError) { root = try JSONNode.parse(bytes) } catch {
            log.add(.error, at: FilePlace(offset: error.offset, path: ""), error.message)
            return nil
        }
        guard var reader = Field(node: root, path: "", log: log).object("one JSON object, a preset") else { return nil }
        defer { reader.finish() }
        let name = reader.required("name", "add \"name\": \(Words.quoted(file.name))")
        let title = reader.required("title", "add the service's name as people know it")?.text()
        let about = reader.required("about", "say in a sentence what is sent")?.text()
        let needs = reader.optional("needs")?.elements("texts")?.compactMap { $0.text() } ?? []
        let isExperimental = reader.optional("experimental")?.bool() ?? false
        let wantsAuth = reader.optional("auth")?.bool() ?? false
        let urls = reader.optional("urls")?.elements("URL patterns")?.compactMap { $0.urlPattern() } ?? []
        let warnings = reader.optional("warnings")?.elements("warnings")?.compactMap { $0.presetWarning() } ?? []
        let parameters = reader.optional("with")?.parameters() ?? []
        let destination = reader.required("destination", "add the keys of a destination that it sets")
        if let name, let text = name.text(), text != file.name {
            name.error("must be the file's name, \(Words.quoted(file.name))")
        }
        destination?.checkDestination()
        guard let title, let about, let destination else { return nil }
        return Preset(
            name: file.name, title: title, about: about, needs: needs, isExperimental: isExperimental,
            wantsAuth: wantsAuth, urls: urls, warnings: warnings, parameters: parameters, destination: destination.node)
    }
}

extension Field {
    fileprivate func bool() -> Bool? {
        if case .bool(let value) = node.kind { return value }
        mustBe("true or false")
        return nil
    }

    fileprivate func urlPattern() -> URLPattern? {
        guard let text = text("a pattern such as \"hooks.example.com/services/*\"") else { return nil }
        guard let pattern = URLPattern(text) else {
            error("is no pattern: write host and path with * for any run of characters, and no ** in it")
            return nil
        }
        return pattern
    }

    fileprivate func presetWarning() -> Preset.Warning? {
        guard var reader = object() else { return nil }
        defer { reader.finish() }
        let url = reader.required("url", "add a pattern such as \"*/webhook-test/*\"")?.urlPattern()
        let message = reader.required("message", "say what is wrong with such a URL, and the fix")?.text()
        guard let url, let message else { return nil }
        return Preset.Warning(url: url, message: message)
    }

    fileprivate func parameters() -> [Preset.Parameter] {
        guard let reader = object("an object of names and parameters") else { return [] }
        return reader.entries.compactMap { $0.value.parameter($0.name) }
    }

    private func parameter(_ name: String) -> Preset.Parameter? {
        guard var reader = object("an object with \"about\" and \"example\"") else { return nil }
        defer { reader.finish() }
        let about = reader.required("about", "say in a sentence what it is")?.text()
        let example = reader.required("example", "add a value")
        let standard = reader.optional("default")
        guard let about, let example else { return nil }
        return Preset.Parameter(name: name, about: about, example: example.node, standard: standard?.node)
    }

    /// Reads it as a destination's keys, of which the operator adds those that are missing.
    fileprivate func checkDestination() {
        guard case .object(var members) = node.kind else { return mustBe("an object with keys of a destination") }
        for key in ["preset", "with"] {
            guard let member = members.first(where: { $0.key == key }) else { continue }
            log.add(
                .error, at: FilePlace(offset: member.keyOffset, path: path),
                "a preset cannot have \(Words.quoted(key)) here: remove it")
        }
        if !members.contains(where: { $0.key == "url" }) {
            let url = JSONNode(.string("https://preset.invalid/"), offset: node.offset)
            members.append(JSONNode.Member(key: "url", keyOffset: node.offset, value: url))
        }
        _ = Field(node: JSONNode(.object(members), offset: node.offset), path: path, log: log).destination("preset")
    }
}
