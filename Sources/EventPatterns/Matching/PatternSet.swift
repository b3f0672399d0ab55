internal import JSON

/// Patterns made ready to be matched together; it never changes, so threads share it and a reload swaps it.
package struct PatternSet: Sendable {
    package let patterns: [EventPattern]
    /// What an event is parsed with.
    package let paths: PathTable
    private let evaluators: [Evaluator]
    private let index: RuleIndex

    /// - Parameter alsoReading: paths that no pattern has to name for their values to be kept.
    package init(_ patterns: [EventPattern], alsoReading: [String] = []) {
        self.patterns = patterns
        let paths = PathTable(patterns.flatMap { $0.fields.map(\.path) } + alsoReading)
        var known: Set<Alternatives> = []
        evaluators = patterns.map { Evaluator($0, paths, &known) }
        index = RuleIndex(patterns, paths)
        self.paths = paths
    }

    /// Parses an event and finds the patterns that match it, as indices in ascending order.
    /// - Throws: why the event is not one that can be matched.
    package func matches(_ bytes: [UInt8]) throws(EventFault) -> [Int] {
        try matches(FlatEvent(parsing: bytes, paths: paths))
    }

    /// Finds the patterns that match an event which was parsed with this set's paths.
    package func matches(_ event: FlatEvent) throws(EventFault) -> [Int] {
        var found: [Int] = []
        var effort = Effort()
        let span = evaluators.span
        for candidate in try index.candidates(for: event, &effort) {
            let failure = try span[Int(candidate)].firstFailure(in: event, &effort)
            if failure == nil { found.append(Int(candidate)) }
        }
        return found
    }

    /// The first field that keeps a pattern from matching, or nil where it matches: the answer and its reason come from
    /// the same evaluation.
    package func firstFailure(of index: Int, in event: FlatEvent) throws(EventFault) -> FieldFailure? {
        var effort = Effort()
        return try evaluators[index].firstFailure(in: event, &effort)
    }
}
