import EventPatterns
import JSON

/// What routes may refer to; names count even where what they name is faulty, so that one mistake is reported once.
struct KnownNames {
    let sources: [String]
    let destinations: [String]
    private let sourceSet: Set<String>
    private let destinationSet: Set<String>

    init(sources: [String], destinations: [String]) {
        self.sources = sources
        self.destinations = destinations
        sourceSet = Set(sources)
        destinationSet = Set(destinations)
    }

    enum Kind: String {
        case source, destination
    }

    func contains(_ name: String, _ kind: Kind) -> Bool {
        kind == .source ? sourceSet.contains(name) : destinationSet.contains(name)
    }

    func names(_ kind: Kind) -> [String] { kind == .source ? sources : destinations }
}

extension Field {
    /// Reads `routes`; `bytes` is the file.
    func routes(known: KnownNames, _ bytes: [UInt8]) -> [Route] {
        guard let elements = elements("routes") else { return [] }
        if elements.isEmpty { note(RoutesFile.noRoutes) }
        // Names that look alike to a person are the same here: `==` compares by canonical equivalence.
        var names: Set<String> = []
        var matches = SameMatches(sources: known.sources)
        let routes = elements.compactMap { $0.route(known: known, names: &names, matches: &matches) }
        matches.report(to: log, bytes)
        return routes
    }

    private func route(known: KnownNames, names: inout Set<String>, matches: inout SameMatches) -> Route? {
        guard var reader = object("a route: an object with \"name\", \"match\" and \"to\"") else { return nil }
        defer { reader.finish() }
        let nameField = reader.required("name", "add a name, which logs and dead letters will show")
        let name = nameField?.routeName()
        if let name, !names.insert(name).inserted {
            nameField?.error("another route is called \(Words.quoted(name)): choose another name")
        }
        let matchField = reader.required("match", "add \"match\": {} for every event, or \"otherwise\"")
        let match = matchField?.match()
        let to = reader.required("to", "add \"to\": [ \"DESTINATION\" ]")?.references(to: .destination, known)
        let from = reader.optional("from")?.references(to: .source, known)
        guard let name, let match, let to else { return nil }
        let route = Route(name: name, match: match, destinations: to, sources: from)
        if let matchField { matches.add(route, at: matchField.place) }
        return route
    }

    private func routeName() -> String? {
        guard let name = text() else { return nil }
        guard (1...200).contains(name.utf8.count),
            !name.unicodeScalars.contains(where: { $0.properties.generalCategory == .control })
        else {
            error("must be 1 to 200 bytes without control characters")
            return nil
        }
        return name
    }

    private func references(to kind: KnownNames.Kind, _ known: KnownNames) -> [String]? {
        guard let elements = elements("\(kind) names") else { return nil }
        if elements.isEmpty { error("needs at least one \(kind)") }
        var seen: Set<String> = []
        return elements.compactMap { field in
            guard let name = field.text("the name of a \(kind)") else { return nil }
            if !known.contains(name, kind) {
                field.error(
                    "unknown \(kind) \(Words.quoted(name))" + suggestion(for: name, among: known.names(kind)))
            } else if !seen.insert(name).inserted {
                field.warning("\(Words.quoted(name)) is named twice: one is enough")
            }
            return name
        }
    }

    /// Comparing thousands of unknown names with thousands of known ones would take minutes.
    private func suggestion(for name: String, among names: [String]) -> String {
        log.count < 100 ? Words.suggestion(for: name, among: names) : ""
    }

    private func match() -> Route.Match? {
        switch node.kind {
        case .string("otherwise"): return .otherwise
        case .string(let text):
            error(
                "\(Words.quoted(text)) is no match: write a pattern or \"otherwise\""
                    + Words.suggestion(for: text, among: ["otherwise"]))
            return nil
        case .object(let members):
            if members.isEmpty { note("this match is empty: it matches every event") }
            return pattern().map(Route.Match.pattern)
        default:
            mustBe("a pattern, which is an object, or \"otherwise\"")
            return nil
        }
    }

    /// Hands the pattern to its own parser: the only place that knows how it reports.
    func pattern() -> EventPattern? {
        do throws(PatternFaults) {
            let pattern = try EventPattern.parse(node)
            add(.warning, RouteLint.lint(pattern, node))
            return pattern
        } catch {
            add(.error, error.faults)
            return nil
        }
    }

    private func add(_ severity: Finding.Severity, _ faults: [PatternFault]) {
        for fault in faults {
            let faultPath = [path, fault.path].filter { !$0.isEmpty }.joined(separator: ".")
            log.add(severity, at: FilePlace(offset: fault.offset, path: faultPath), fault.message)
        }
    }
}
