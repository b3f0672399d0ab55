package import EventPatterns

/// One rule: what matches goes to these destinations.
package struct Route: Sendable {
    package enum Match: Sendable {
        case pattern(EventPattern)
        /// Matches when no other route did.
        case otherwise
    }

    package let name: String
    package let match: Match
    package let destinations: [String]
    /// Names of the sources it listens to; nil for all.
    package let sources: [String]?

    package init(name: String, match: Match, destinations: [String], sources: [String]?) {
        self.name = name
        self.match = match
        self.destinations = destinations
        self.sources = sources
    }
}

/// Decides by the routes which destinations want an event. Pure.
package struct Router: Sendable {
    package let routes: [Route]
    let patterns: PatternSet
    /// Which route the pattern at each index of the set belongs to.
    private let routeOfPattern: [Int]

    package init(routes: [Route]) {
        self.routes = routes
        var patterns: [EventPattern] = []
        var owners: [Int] = []
        for (index, route) in routes.enumerated() {
            guard case .pattern(let pattern) = route.match else { continue }
            patterns.append(pattern)
            owners.append(index)
        }
        self.patterns = PatternSet(patterns, alsoReading: ["timestamp"])
        routeOfPattern = owners
    }

    /// What becomes of a verified body. All routes are looked at; each destination is named once, in the order of
    /// the routes.
    package func route(_ body: [UInt8], source: Source, receivedAt: Timestamp) -> Routing {
        route(body, source: source.name, maxAgeMilliseconds: source.maxAgeMilliseconds, receivedAt: receivedAt)
    }

    /// The same for an event whose source may not be in the routes file any more.
    func route(_ body: [UInt8], source: String, maxAgeMilliseconds: Int64?, receivedAt: Timestamp) -> Routing {
        do throws(Refusal) {
            let event = try admitted(body, maxAgeMilliseconds: maxAgeMilliseconds, receivedAt: receivedAt)
            return routing(of: try matchedRoutes(in: event, source: source))
        } catch {
            return .quarantined(reason: error.reason)
        }
    }

    /// Why an event goes to quarantine.
    struct Refusal: Error {
        let reason: String
    }

    /// Reads an event that is fit to be matched.
    func admitted(
        _ body: [UInt8], maxAgeMilliseconds: Int64?, receivedAt: Timestamp
    ) throws(Refusal) -> FlatEvent {
        let event: FlatEvent
        do throws(EventFault) { event = try FlatEvent(parsing: body, paths: patterns.paths) } catch {
            throw Refusal(reason: error.reason)
        }
        if let reason = staleness(of: event, maxAgeMilliseconds, receivedAt) { throw Refusal(reason: reason) }
        return event
    }

    /// Why an event is too old for its source, nil where it is not.
    private func staleness(of event: FlatEvent, _ maxAge: Int64?, _ receivedAt: Timestamp) -> String? {
        guard let maxAge, let sent = event.number(at: "timestamp", in: patterns.paths)
        else {
            return nil
        }
        let age = Double(receivedAt.milliseconds) - sent
        guard age > Double(maxAge) else { return nil }
        return "its timestamp is older than maxAge allows"
    }

    /// Indices of the routes that want an event, in ascending order.
    func matchedRoutes(in event: FlatEvent, source: String) throws(Refusal) -> [Int] {
        let found: [Int]
        do throws(EventFault) { found = try patterns.matches(event) } catch { throw Refusal(reason: error.reason) }
        let listening = found.map { routeOfPattern[$0] }.filter { routes[$0].listens(to: source) }
        guard listening.isEmpty else { return listening }
        return routes.indices.filter { routes[$0].isOtherwise && routes[$0].listens(to: source) }
    }

    func routing(of matched: [Int]) -> Routing {
        var destinations: [String] = []
        for index in matched {
            for name in routes[index].destinations where !destinations.contains(name) { destinations.append(name) }
        }
        guard !destinations.isEmpty else { return .unmatched }
        return .matched(routes: matched.map { routes[$0].name }, destinations: destinations)
    }
}

extension Route {
    var isOtherwise: Bool {
        if case .otherwise = match { true } else { false }
    }

    func listens(to source: String) -> Bool { sources?.contains(source) ?? true }
}
