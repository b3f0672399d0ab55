import EventPatterns

/// Decides for each stored event where a replay sends it. Pure.
struct ReplayRules {
    private let configuration: Configuration
    private let sources: [String: Source]
    private let route: Route?
    private let destinations: [String]
    private let patterns: PatternSet?

    /// - Throws: what the request names and the rules do not have.
    init(_ request: ReplayRequest, _ configuration: Configuration) throws(ReplayFault) {
        self.configuration = configuration
        sources = Dictionary(configuration.sources.map { ($0.name, $0) }) { first, _ in first }
        route = try ReplayRules.route(request.route, configuration.router.routes)
        for name in request.destinations where configuration.destinations[name] == nil {
            let names = configuration.destinations.keys.sorted()
            throw .refused("unknown destination \(Words.quoted(name))" + ReplayRules.hint(name, names))
        }
        var seen: Set<String> = []
        destinations = request.destinations.filter { seen.insert($0).inserted }
        patterns = try request.match.map(ReplayRules.patterns)
    }

    private static func route(_ name: String?, _ routes: [Route]) throws(ReplayFault) -> Route? {
        guard let name else { return nil }
        if let route = routes.first(where: { $0.name == name }) { return route }
        throw .refused("unknown route \(Words.quoted(name))" + hint(name, routes.map(\.name)))
    }

    /// The name that was probably meant, else all there are.
    private static func hint(_ name: String, _ names: [String]) -> String {
        let near = Words.suggestion(for: name, among: names)
        if !near.isEmpty { return near }
        return names.isEmpty ? ": the routes file has none" : ": the routes file has \(Words.list(names))"
    }

    private static func patterns(_ text: String) throws(ReplayFault) -> PatternSet {
        let (pattern, findings) = ReplayMatch.parse(text)
        if let pattern { return PatternSet([pattern]) }
        throw .refused(findings.filter { $0.severity == .error }.map { $0.line(file: "match") }.joined(separator: "\n"))
    }

    /// What becomes of one event; nil where it is not among those that were asked for.
    func plan(_ stored: StoredEvent) -> ReplayedEvent? {
        let event = stored.event
        if let patterns, (try? patterns.matches(event.body))?.isEmpty != false { return nil }
        let routing = configuration.router.route(
            event.body, source: event.source, maxAgeMilliseconds: sources[event.source]?.maxAgeMilliseconds,
            receivedAt: event.receivedAt)
        let routes = if case .matched(let routes, _) = routing { routes } else { [String]() }
        if let route, !routes.contains(route.name) { return nil }
        var planned = ReplayedEvent(stored, routes: routes)
        for name in wanted(routing, &planned) { add(name, of: stored, to: &planned) }
        return planned
    }

    private func wanted(_ routing: Routing, _ planned: inout ReplayedEvent) -> [String] {
        guard destinations.isEmpty else { return destinations }
        if let route {
            var seen: Set<String> = []
            return route.destinations.filter { seen.insert($0).inserted }
        }
        switch routing {
        case .matched(_, let destinations): return destinations
        case .unmatched: planned.skip(nil, "no route wants it")
        case .quarantined(let reason): planned.skip(nil, "quarantined: \(reason)")
        }
        return []
    }

    private func add(_ name: String, of stored: StoredEvent, to planned: inout ReplayedEvent) {
        guard let destination = configuration.destinations[name] else { return }
        let stage = stored.deliveries[name]
        if stage == .pending { return planned.skip(name, ReplayedEvent.stillPending) }
        if stored.isQuarantined, destination.templates != nil, let reason = ReplayRules.refusal(of: stored.event) {
            return planned.skip(name, "its template needs an event that can be read: \(reason)")
        }
        planned.destinations.append(
            ReplayedEvent.Target(name: name, isOrdered: destination.isOrdered, hadIt: stage == .delivered))
    }

    /// Why a template could make nothing of it, nil where it could.
    private static func refusal(of event: Event) -> String? {
        do throws(EventFault) { _ = try PatternSet([]).matches(event.body) } catch {
            return error.reason
        }
        return nil
    }
}
