package import JSON

/// An event and the routes that should match it: what one file of `check --events` says.
package struct GoldenEvent: Sendable {
    package enum Expectation: Sendable, Equatable {
        /// These routes in any order; none for an event that no route wants.
        case routes([String])
        /// The relay keeps it and sends it nowhere: its parser refuses it.
        case quarantined
    }

    /// The text of the event to the byte as it stands in the file: what would be posted.
    package let body: [UInt8]
    package let source: Source
    package let expected: Expectation
    /// Where the event begins in its file.
    package let position: SourcePosition

    package init(body: [UInt8], source: Source, expected: Expectation, position: SourcePosition) {
        self.body = body
        self.source = source
        self.expected = expected
        self.position = position
    }
}

/// How an event was routed otherwise than expected.
package struct GoldenDifference: Sendable {
    package let actual: Routing
    /// Routes that were expected and did not match, each with its reason, in the order in which the file names them.
    package let missing: [RoutingExplanation.Route]
    /// Routes that matched and were not expected, in the order of the routes file.
    package let extra: [String]
}

extension GoldenEvent {
    /// Routes the event as the relay would, nil where all is as expected.
    ///
    /// - Parameter file: the routes file from which the router's routes were read.
    package func difference(by router: Router, file: JSONNode) -> GoldenDifference? {
        // Received before all time: a golden event is kept for years and must not grow too old for `maxAge`.
        let received = Timestamp(milliseconds: .min)
        let actual = router.route(body, source: source, receivedAt: received)
        let matched = if case .matched(let routes, _) = actual { routes } else { [String]() }
        let wanted = if case .routes(let names) = expected { names } else { [String]() }
        let isQuarantined = if case .quarantined = actual { true } else { false }
        if Set(matched) == Set(wanted), isQuarantined == (expected == .quarantined) { return nil }
        let explained = router.explain(body, source: source, receivedAt: received, file: file).routes
        let mismatches = explained.filter { $0.mismatch != nil }
        return GoldenDifference(
            actual: actual, missing: wanted.compactMap { name in mismatches.first { $0.name == name } },
            extra: matched.filter { !wanted.contains($0) })
    }
}
