import EventPatterns

/// Finds routes that match the same events of the same sources.
struct SameMatches {
    private struct Entry {
        let route: Route
        /// Where its match stands.
        let place: FilePlace

        /// Nil for `"otherwise"`.
        var pattern: EventPattern? { if case .pattern(let pattern) = route.match { pattern } else { nil } }
    }

    private struct Key: Hashable {
        let pattern: PatternKeys.Key?
        /// Nil for all.
        let sources: Set<String>?
    }

    private let allSources: Set<String>
    private var entries: [Entry] = []

    init(sources: [String]) { allSources = Set(sources) }

    /// - Parameter place: where the route's match stands.
    mutating func add(_ route: Route, at place: FilePlace) { entries.append(Entry(route: route, place: place)) }

    /// - Parameter bytes: the file, to find the first route's position in.
    func report(to log: FindingLog, _ bytes: [UInt8]) {
        // Nearly all routes differ, and that is cheap to see.
        let groups = Dictionary(grouping: entries) { $0.pattern?.roughHash }
        let repeats = groups.values.filter { $0.count > 1 }.flatMap(repeats)
        var walk = PositionWalk(bytes: bytes)
        for (first, entry) in repeats.sorted(by: { $0.first.place.offset < $1.first.place.offset }) {
            let name = Words.quoted(first.route.name)
            let text = "the route \(name) at \(walk.position(of: first.place.offset)) has the same match"
            log.add(.warning, at: entry.place, "\(text): put all destinations into the \"to\" of one of them")
        }
    }

    private func repeats(in group: [Entry]) -> [(first: Entry, entry: Entry)] {
        var keys = PatternKeys()
        var firsts: [Key: Entry] = [:]
        return group.compactMap { entry in
            let key = Key(pattern: entry.pattern.map { keys.key(of: $0) }, sources: listened(by: entry.route))
            if let first = firsts[key] { return (first, entry) }
            firsts[key] = entry
            return nil
        }
    }

    private func listened(by route: Route) -> Set<String>? {
        guard let sources = route.sources, !allSources.isSubset(of: sources) else { return nil }
        return Set(sources)
    }
}
