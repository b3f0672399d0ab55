package import JSON

/// A destination to write into a routes file that a person keeps: all other bytes stay.
package struct DestinationAddition: Sendable {
    package enum Fault: Error {
        /// What was asked for cannot be: a name that is taken or no name, a preset or route that there is not.
        case argument(String)
        /// The file as it is cannot be added to.
        case file([Finding])
    }

    package let name: String
    package let preset: String
    /// A text or a reference to a secret; nil for the preset's own URL, or else the credential `NAME-url`.
    package let url: JSONValue?
    /// What the preset asks for.
    package let parameters: JSONObject
    /// Private networks that may be sent to, such as `10.0.0.0/8`.
    package let allowPrivate: [String]
    /// Names of the routes that are to send there.
    package let routes: [String]

    package init(
        name: String, preset: String, url: JSONValue?, parameters: JSONObject, allowPrivate: [String] = [],
        routes: [String]
    ) {
        self.name = name
        self.preset = preset
        self.url = url
        self.parameters = parameters
        self.allowPrivate = allowPrivate
        self.routes = routes
    }

    /// What to put into the text of a routes file, in the order of the text.
    package func insertions(
        into bytes: [UInt8], presets: [PresetOutline]
    ) throws(Fault) -> [JSONInsertion] {
        let outline = try outline(presets)
        try checkName()
        let log = FindingLog()
        guard let root = RoutesFile.parse(bytes, log), !log.hasErrors, let editor = try? JSONEditor(bytes) else {
            throw .file(log.findings(in: bytes))
        }
        let place = try destinations(root, bytes)
        var insertions = [editor.addition(of: .object(destination(outline)), as: name, toObjectAt: place)]
        for list in try lists(root, bytes) {
            insertions.append(editor.addition(of: .string(name), toArrayAt: list))
        }
        return insertions.compactMap { $0 }.sorted { $0.offset < $1.offset }
    }

    private func destination(_ outline: PresetOutline) -> JSONObject {
        let credential = JSONValue.object(JSONObject(["credential": .string("\(name)-url")]))
        var destination = JSONObject(["preset": .string(preset)])
        if let url = url ?? (outline.hasURL ? nil : credential) { destination.append("url", url) }
        if !parameters.members.isEmpty { destination.append("with", .object(parameters)) }
        if !allowPrivate.isEmpty { destination.append("allowPrivate", .array(allowPrivate.map { .string($0) })) }
        return destination
    }

    private func outline(_ presets: [PresetOutline]) throws(Fault) -> PresetOutline {
        if let outline = presets.first(where: { $0.name == preset }) {
            let missing = outline.parameters.filter { parameters[$0] == nil }
            guard missing.isEmpty else {
                throw .argument(
                    "the preset \(Words.quoted(preset)) needs "
                        + missing.map { "--with \($0)=…" }.joined(separator: " and "))
            }
            if let need = outline.templateURL, url == nil || url?.isReference == true {
                throw .argument(
                    "the preset \(Words.quoted(preset)) needs \(need), given by --url: what a credential, file or "
                        + "variable holds is never a template")
            }
            return outline
        }
        let names = presets.map(\.name)
        throw .argument(unknown("preset", preset, among: names) + " The presets are \(names.joined(separator: ", "))")
    }

    private func unknown(_ kind: String, _ name: String, among names: [String]) -> String {
        let suggestion = Words.suggestion(for: name, among: names)
        return "there is no \(kind) \(Words.quoted(name))\(suggestion.isEmpty ? "." : suggestion)"
    }

    private func checkName() throws(Fault) {
        let log = FindingLog()
        log.check(name: name, at: FilePlace(offset: 0, path: ""))
        if let finding = log.findings(in: []).first { throw .argument(finding.message) }
    }

    /// Where `destinations` begins.
    private func destinations(_ root: JSONNode, _ bytes: [UInt8]) throws(Fault) -> Int {
        guard case .object = root.kind else {
            throw DestinationAddition.fault(
                at: root, "", "must be \(RoutesFile.form), not \(root.kindName)", bytes)
        }
        guard let node = root.member("destinations") else {
            throw DestinationAddition.fault(
                at: root, "", "\"destinations\" is missing: add \"destinations\": {} to the top level", bytes)
        }
        guard case .object(let members) = node.kind else {
            throw DestinationAddition.fault(
                at: node, "destinations", "must be an object of names and destinations, not \(node.kindName)", bytes)
        }
        if let taken = members.first(where: { $0.key.hasSameScalars(as: name) }) {
            let position = SourcePosition(of: taken.keyOffset, in: bytes)
            throw .argument(
                "there is a destination \(Words.quoted(name)) already, in line \(position.line): choose another name")
        }
        return node.offset
    }

    /// Where the `to` of each wanted route begins, once each, and without those that name the destination already.
    private func lists(_ root: JSONNode, _ bytes: [UInt8]) throws(Fault) -> [Int] {
        var offsets: [Int] = []
        for name in routes {
            let list = try list(ofRoute: name, root, bytes)
            guard case .array(let elements) = list.kind, !offsets.contains(list.offset) else { continue }
            if !elements.contains(where: { $0.value == .string(self.name) }) { offsets.append(list.offset) }
        }
        return offsets
    }

    private func list(ofRoute name: String, _ root: JSONNode, _ bytes: [UInt8]) throws(Fault) -> JSONNode {
        let routes: [JSONNode] = if case .array(let nodes)? = root.member("routes")?.kind { nodes } else { [] }
        guard let index = routes.firstIndex(where: { $0.member("name")?.value == .string(name) }) else {
            let names = routes.compactMap { route in
                if case .string(let name)? = route.member("name")?.kind { name } else { nil }
            }
            throw .argument(
                unknown("route", name, among: names)
                    + (names.isEmpty ? " The file has none" : " The routes are \(Words.list(names))"))
        }
        let to = routes[index].member("to")
        if let to, case .array = to.kind { return to }
        throw DestinationAddition.fault(
            at: to ?? routes[index], "routes[\(index)]", "\"to\" must be a list of destinations to be added to", bytes)
    }

    private static func fault(at node: JSONNode, _ path: String, _ message: String, _ bytes: [UInt8]) -> Fault {
        let log = FindingLog()
        log.add(.error, at: FilePlace(offset: node.offset, path: path), message)
        return .file(log.findings(in: bytes))
    }
}

extension JSONValue {
    fileprivate var isReference: Bool { if case .object = self { true } else { false } }
}

extension JSONNode {
    fileprivate func member(_ key: String) -> JSONNode? {
        guard case .object(let members) = kind else { return nil }
        return members.first { $0.key.hasSameScalars(as: key) }?.value
    }
}
