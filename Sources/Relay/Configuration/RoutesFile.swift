import JSON

/// A routes file as it is written, checked as far as that goes without its secrets.
package struct RoutesFile: Sendable {
    let sources: [SourceDeclaration]
    let destinations: [DestinationDeclaration]
    let routes: [Route]
    let limits: Limits
    let presets: PresetLibrary
    /// The text, to find positions in.
    let bytes: [UInt8]

    static let form = "one JSON object with \"sources\", \"destinations\" and \"routes\""
    static let noRoutes = "there are no routes: every event will be stored as unmatched"
    static let noDestinations = "there are no destinations: every event will be stored as unmatched"

    /// Reads the text of a routes file and reports everything that is wrong with it, in the order of the text. A fault
    /// of JSON's syntax is reported alone, since what stands behind it cannot be read.
    /// - Returns: no file where one of the findings is an error.
    package static func decode(
        _ bytes: [UInt8], presets: PresetLibrary = PresetLibrary()
    ) -> (file: RoutesFile?, findings: [Finding]) {
        let log = FindingLog()
        let file = read(bytes, presets, log)
        return (log.hasErrors ? nil : file, log.findings(in: bytes))
    }

    static func read(_ bytes: [UInt8], _ presets: PresetLibrary, _ log: FindingLog) -> RoutesFile? {
        guard let root = parse(bytes, log) else { return nil }
        let field = Field(node: root, path: "", log: log)
        guard var reader = field.object(form) else { return nil }
        defer { reader.finish() }
        _ = reader.optional("$schema")?.text()
        let sourcesField = reader.required("sources", "add \"sources\": { … }, without which nothing can come in")
        let destinationsField = reader.optional("destinations")
        let routesField = reader.optional("routes")
        let limits = reader.optional("limits")?.limits() ?? Limits()
        reader.refuseUnsupported("alerts")
        if destinationsField?.hasMembers != true { (destinationsField ?? field).note(noDestinations) }
        if routesField == nil { field.note(noRoutes) }
        let known = KnownNames(
            sources: sourcesField?.memberNames ?? [], destinations: destinationsField?.memberNames ?? [])
        return RoutesFile(
            sources: sourcesField?.sources(retentionMilliseconds: limits.retentionMilliseconds) ?? [],
            destinations: destinationsField?.destinations(presets) ?? [],
            routes: routesField?.routes(known: known, bytes) ?? [],
            limits: limits, presets: presets, bytes: bytes)
    }
}

extension Field {
    fileprivate var memberNames: [String] {
        if case .object(let members) = node.kind { members.map(\.key) } else { [] }
    }

    fileprivate var hasMembers: Bool {
        if case .object(let members) = node.kind { !members.isEmpty } else { true }
    }
}
