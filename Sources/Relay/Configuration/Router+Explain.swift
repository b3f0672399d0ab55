package import EventPatterns
package import JSON

/// What the router makes of an event, with a reason for each route that does not want it.
package struct RoutingExplanation: Sendable {
    package struct Route: Sendable {
        package let name: String
        /// Nil where the route matches.
        package let mismatch: Mismatch?
    }

    /// Why a route does not want an event.
    package enum Mismatch: Sendable {
        /// A field of its pattern is not satisfied.
        case field(FailureExplanation)
        /// Something else than the event's fields; in words.
        case other(String)
    }

    package let routing: Routing
    package let routes: [Route]
}

extension Router {
    /// Decides as `route` does and says why.
    ///
    /// - Parameter file: the routes file from which the routes were read.
    package func explain(
        _ body: [UInt8], source: Source, receivedAt: Timestamp, file: JSONNode
    ) -> RoutingExplanation {
        do throws(Refusal) {
            let event = try admitted(
                body, maxAgeMilliseconds: source.maxAgeMilliseconds, receivedAt: receivedAt)
            let matched = try matchedRoutes(in: event, source: source.name)
            return RoutingExplanation(
                routing: routing(of: matched),
                routes: try explanations(matched, source.name, PatternMismatches(patterns, event, body, file)))
        } catch {
            let mismatch = RoutingExplanation.Mismatch.other("the event is quarantined: \(error.reason)")
            return RoutingExplanation(
                routing: .quarantined(reason: error.reason),
                routes: routes.map { RoutingExplanation.Route(name: $0.name, mismatch: mismatch) })
        }
    }

    private func explanations(
        _ matched: [Int], _ source: String, _ mismatches: PatternMismatches
    ) throws(Refusal) -> [RoutingExplanation.Route] {
        var explained: [RoutingExplanation.Route] = []
        var rest = matched[...]
        var pattern = 0
        for (index, route) in routes.enumerated() {
            var mismatch: RoutingExplanation.Mismatch?
            if rest.first == index {
                rest.removeFirst()
            } else if let reason = reasonOutsideOfFields(route, matched, source) {
                mismatch = .other(reason)
            } else {
                mismatch = try mismatches.mismatch(of: pattern)
            }
            explained.append(RoutingExplanation.Route(name: route.name, mismatch: mismatch))
            if !route.isOtherwise { pattern += 1 }
        }
        return explained
    }

    /// Why no pattern is asked; nil where it is the pattern that does not match.
    private func reasonOutsideOfFields(_ route: Route, _ matched: [Int], _ source: String) -> String? {
        if !route.listens(to: source) {
            let sources = (route.sources ?? []).joined(separator: ", ")
            return "it listens to \(sources) only (\"from\"), and this event comes from \(source)"
        }
        guard route.isOtherwise else { return nil }
        let names = matched.map { JSONSerializer.quoted(routes[$0].name) }
        let shown = names.prefix(3).joined(separator: ", ") + (names.count > 3 ? " and \(names.count - 3) more" : "")
        return "\"otherwise\" is for events that no other route wants, and this one matches \(shown)"
    }
}

/// Finds the words for patterns that do not match one event.
private struct PatternMismatches {
    private let patterns: PatternSet
    private let event: FlatEvent
    private let tree: JSONNode
    private let file: JSONNode

    init(_ patterns: PatternSet, _ event: FlatEvent, _ body: [UInt8], _ file: JSONNode) throws(Router.Refusal) {
        self.patterns = patterns
        self.event = event
        self.file = file
        do throws(JSONError) { tree = try JSONNode.parse(body) } catch { throw Router.Refusal(reason: error.message) }
    }

    func mismatch(of index: Int) throws(Router.Refusal) -> RoutingExplanation.Mismatch {
        let failure: FieldFailure?
        do throws(EventFault) { failure = try patterns.firstFailure(of: index, in: event) } catch {
            throw Router.Refusal(reason: error.reason)
        }
        guard let failure else {
            return .other("a defect of gruveo-relay: the rule by itself matches this event; please report it")
        }
        return .field(FailureExplanation(failure, of: patterns.patterns[index], in: file, event: tree))
    }
}
