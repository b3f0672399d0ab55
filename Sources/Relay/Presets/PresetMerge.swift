import JSON

/// The keys of a destination that a preset adds to.
enum PresetMerge {
    /// Objects of which a destination takes over the members that it lacks; of all else it takes the whole or nothing.
    private static let joined: Set = ["headers", "query", "outcomes"]

    /// What stands for a preset that cannot be read.
    fileprivate static func standIn(at offset: Int) -> JSONNode {
        // No two destinations are to have the same URL by it.
        let url = JSONNode(.string("https://preset-\(offset).invalid/"), offset: offset)
        let members = [("url", url), ("body", JSONNode(.object([]), offset: offset))]
        return JSONNode(
            .object(members.map { JSONNode.Member(key: $0.0, keyOffset: offset, value: $0.1) }), offset: offset)
    }

    /// An operator's destination with what it lacks; that stands at the place where the preset is named, since its own
    /// place is in another file.
    static func merged(
        _ own: [JSONNode.Member], with preset: JSONNode, at offset: Int
    ) -> [JSONNode.Member] {
        guard case .object(let added) = relocated(preset, to: offset).kind else { return own }
        let kept = own.map { member in
            guard joined.contains(member.key), case .object(let inner) = member.value.kind,
                let other = added.first(where: { $0.key == member.key }), case .object(let more) = other.value.kind
            else { return member }
            let all = JSONNode(
                .object(lacking(inner, more, caseMatters: member.key != "headers")), offset: member.value.offset)
            return JSONNode.Member(key: member.key, keyOffset: member.keyOffset, value: all)
        }
        return lacking(kept, added, caseMatters: true)
    }

    private static func lacking(
        _ own: [JSONNode.Member], _ more: [JSONNode.Member], caseMatters: Bool
    ) -> [JSONNode.Member] {
        func name(_ member: JSONNode.Member) -> String { caseMatters ? member.key : member.key.lowercased() }
        let names = Set(own.map(name))
        return own + more.filter { !names.contains(name($0)) }
    }

    private static func relocated(_ node: JSONNode, to offset: Int) -> JSONNode {
        switch node.kind {
        case .array(let elements): JSONNode(.array(elements.map { relocated($0, to: offset) }), offset: offset)
        case .object(let members):
            JSONNode(
                .object(
                    members.map {
                        JSONNode.Member(key: $0.key, keyOffset: offset, value: relocated($0.value, to: offset))
                    }), offset: offset)
        default: JSONNode(node.kind, offset: offset)
        }
    }

    /// The body inside a `$let` that gives it the values of `with`.
    static func wrapped(_ body: JSONNode, in values: [JSONNode.Member]) -> JSONNode {
        func object(_ members: [(String, JSONNode)]) -> JSONNode {
            let members = members.map { JSONNode.Member(key: $0.0, keyOffset: body.offset, value: $0.1) }
            return JSONNode(.object(members), offset: body.offset)
        }
        let values = JSONNode(.object(values), offset: body.offset)
        return object([("$let", object([("with", values)])), ("in", body)])
    }

    /// The names of the values that `wrapped` has put around a body: in a file no key stands where its object begins.
    static func values(around body: JSONNode) -> [String] {
        guard case .object(let members) = body.kind, let first = members.first, first.key == "$let",
            first.keyOffset == body.offset, case .object(let scope) = first.value.kind, scope.count == 1,
            scope[0].key == "with", case .object(let values) = scope[0].value.kind
        else { return [] }
        return values.map(\.key)
    }
}

extension Field {
    /// The destination with the keys that its preset adds and with its body inside the values of `with`. Where the
    /// preset is not there or faulty, which has then been reported, it is given a URL: it may well have other faults.
    func withPreset(from library: PresetLibrary) -> Field {
        guard case .object(var members) = node.kind else { return self }
        let values = members.first { $0.key == "with" }.map { Field(node: $0.value, path: "\(path).with", log: log) }
        var given = values?.members() ?? []
        let name = members.first { $0.key == "preset" }?.value
        if let name {
            let field = Field(node: name, path: "\(path).preset", log: log)
            let preset = library.preset(named: field)
            if let preset {
                field.checkParameters(given, of: preset, values)
                let names = Set(given.map(\.key))
                given += preset.parameters.filter { !names.contains($0.name) }.compactMap {
                    $0.member(at: name.offset)
                }
            }
            let added = preset?.destination ?? PresetMerge.standIn(at: name.offset)
            members = PresetMerge.merged(members, with: added, at: name.offset)
            if let preset { field.checkAuthorization(members, for: preset) }
        }
        let body = members.firstIndex { $0.key == "body" }
        if body == nil { values?.error("\"with\" gives values to a body: add a \"body\", or remove it") }
        if let body, !given.isEmpty {
            members[body] = JSONNode.Member(
                key: "body", keyOffset: members[body].keyOffset,
                value: PresetMerge.wrapped(members[body].value, in: given))
        }
        return Field(node: JSONNode(.object(members), offset: node.offset), path: path, log: log)
    }

    /// The members of `with`.
    private func members() -> [JSONNode.Member] {
        if case .object(let members) = node.kind { return members }
        mustBe("an object of names and values for the body")
        return []
    }

    /// Compares what is given under `with` with what the preset wants; `self` is the preset's name.
    private func checkParameters(_ given: [JSONNode.Member], of preset: Preset, _ values: Field?) {
        let names = preset.parameters.map(\.name)
        var explained: Set<String> = []
        for member in given where !names.contains(member.key) {
            let nearest = Words.nearest(to: member.key, among: names)
            if let nearest { explained.insert(nearest) }
            let known = names.isEmpty ? "it takes none" : "it takes \(names.joined(separator: ", "))"
            log.add(
                .error, at: FilePlace(offset: member.keyOffset, path: values?.path ?? path),
                "the preset \(Words.quoted(preset.name)) takes no value \(Words.quoted(member.key))"
                    + (nearest.map { ", did you mean \(Words.quoted($0))?" } ?? ": remove it, \(known)"))
        }
        // A misspelt value is one mistake.
        let missing = preset.parameters.filter { parameter in
            parameter.standard == nil && !explained.contains(parameter.name)
                && !given.contains { $0.key == parameter.name && $0.value.value != .null }
        }
        for parameter in missing {
            let example = "\(Words.quoted(parameter.name)): \(JSONSerializer.text(parameter.example.value))"
            (values ?? self).error(
                "the preset \(Words.quoted(preset.name)) needs \(Words.quoted(parameter.name)): "
                    + "add \"with\": { \(example) }. \(parameter.about)")
        }
    }

    /// Warns where the service wants to know who asks and the destination does not say it; `self` is the preset's name.
    private func checkAuthorization(_ members: [JSONNode.Member], for preset: Preset) {
        guard preset.wantsAuth, !members.contains(where: { $0.key == "auth" }) else { return }
        if case .object(let headers)? = members.first(where: { $0.key == "headers" })?.value.kind,
            headers.contains(where: { $0.key.lowercased() == "authorization" })
        {
            return
        }
        warning(
            "the service refuses requests without authorization: add \"auth\" to the destination. It needs "
                + preset.needs.joined(separator: "; "))
    }
}

extension Preset.Parameter {
    fileprivate func member(at offset: Int) -> JSONNode.Member? {
        standard.map { JSONNode.Member(key: name, keyOffset: offset, value: $0) }
    }
}
