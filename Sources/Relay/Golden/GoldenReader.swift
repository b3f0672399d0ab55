import JSON

/// Reads the files of `check --events` for one configuration, and reports all that is wrong in each. Pure.
package struct GoldenReader: Sendable {
    /// The names of sources and routes that a file may use.
    private let sources: [Source]
    private let routes: [String]
    private let routeSet: Set<String>

    package init(_ configuration: Configuration) {
        sources = configuration.sources
        routes = configuration.router.routes.map(\.name)
        routeSet = Set(routes)
    }

    /// Reads one file, and gives no event where one of the findings is an error.
    package func read(_ bytes: [UInt8]) -> (event: GoldenEvent?, findings: [Finding]) {
        let log = FindingLog()
        let event = read(bytes, log)
        return (log.hasErrors ? nil : event, log.findings(in: bytes))
    }

    private func read(_ bytes: [UInt8], _ log: FindingLog) -> GoldenEvent? {
        guard let root = GoldenReader.parse(bytes, log) else { return nil }
        let file = Field(node: root, path: "", log: log)
        guard var reader = file.object("one object with \"event\" and \"expect\"") else { return nil }
        defer { reader.finish() }
        let eventField = reader.required("event", "add \"event\": { … }, as it would be posted")
        let expectFix = "add \"expect\": [ \"ROUTE\" ], [] for an event that no route wants, or \"quarantined\""
        let expected = reader.required("expect", expectFix).flatMap(expectation)
        let source = source(reader.optional("source"))
        _ = reader.optional("description")?.text()
        guard let eventField, let source, let expected else { return nil }
        let body = GoldenReader.text(of: eventField.node, in: root, bytes)
        if body.count > source.maxBody {
            eventField.error(
                "has \(body.count) bytes, and the source \(Words.quoted(source.name)) takes \(source.maxBody), so it "
                    + "would be answered 413: make it smaller, or raise maxBody")
        }
        let position = SourcePosition(of: eventField.node.offset, in: bytes)
        return GoldenEvent(body: body, source: source, expected: expected, position: position)
    }

    // MARK: - The text

    /// Parses the text. Within the event a key may stand twice, and it may be nested too deep: that is the event's
    /// matter, and the router's to refuse. Beside the event a repeat is reported and left out.
    private static func parse(_ bytes: [UInt8], _ log: FindingLog) -> JSONNode? {
        var limits = JSONLimits()
        limits.depth = 128
        do throws(JSONError) {
            let (root, duplicates) = try JSONNode.parseCollectingDuplicates(bytes, limits: limits)
            guard case .object(let members) = root.kind else { return root }
            let repeats = Set(duplicates)
            for member in members where repeats.contains(member.keyOffset) {
                let place = FilePlace(offset: member.keyOffset, path: "")
                log.add(.error, at: place, "the key \(Words.quoted(member.key)) stands here twice: remove one")
            }
            return JSONNode(.object(members.filter { !repeats.contains($0.keyOffset) }), offset: root.offset)
        } catch {
            let isEmpty = bytes.allSatisfy { $0 == 0x20 || 0x09...0x0D ~= $0 }
            let message = isEmpty ? "the file is empty: write an object with \"event\" and \"expect\"" : error.message
            log.add(.error, at: FilePlace(offset: isEmpty ? 0 : error.offset, path: ""), message)
            return nil
        }
    }

    /// The bytes of a member's value: up to the comma or the brace that follows it, without the space around.
    private static func text(of value: JSONNode, in root: JSONNode, _ bytes: [UInt8]) -> [UInt8] {
        guard case .object(let members) = root.kind else { return [] }
        let end = members.first { $0.keyOffset > value.offset }?.keyOffset ?? bytes.count
        return Array(bytes[value.offset..<end].droppingLastSpace().dropLast().droppingLastSpace())
    }

    // MARK: - Names

    private func source(_ field: Field?) -> Source? {
        guard let field else { return sources.first }
        guard let name = field.text("the name of a source") else { return nil }
        if let source = sources.first(where: { $0.name == name }) { return source }
        field.error(
            "unknown source \(Words.quoted(name))" + Words.suggestion(for: name, among: sources.map(\.name)))
        return nil
    }

    private func expectation(_ field: Field) -> GoldenEvent.Expectation? {
        let wanted = "a list of route names, or \"quarantined\""
        switch field.node.kind {
        case .string("quarantined"): return .quarantined
        case .string(let text):
            let near = Words.suggestion(for: text, among: ["quarantined"])
            field.error("must be \(wanted)" + (near.isEmpty ? ": write [\(Words.quoted(text))]" : near))
            return nil
        case .array: return field.elements("route names").map { .routes(routeNames($0)) }
        default:
            field.mustBe(wanted)
            return nil
        }
    }

    private func routeNames(_ fields: [Field]) -> [String] {
        var seen: Set<String> = []
        return fields.compactMap { field in
            guard let name = field.text("the name of a route") else { return nil }
            if !routeSet.contains(name) {
                let near = field.log.count < 100 ? Words.suggestion(for: name, among: routes) : ""
                field.error("unknown route \(Words.quoted(name))" + near)
            } else if !seen.insert(name).inserted {
                field.error("\(Words.quoted(name)) is named twice: remove one")
            }
            return name
        }
    }
}

extension ArraySlice<UInt8> {
    fileprivate func droppingLastSpace() -> ArraySlice<UInt8> {
        let end = lastIndex { $0 != 0x20 && $0 != 0x09 && $0 != 0x0A && $0 != 0x0D }
        return end.map { self[...$0] } ?? []
    }
}
