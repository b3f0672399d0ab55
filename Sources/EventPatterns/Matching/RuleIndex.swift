/// Names the few patterns of many that an event may match.
///
/// Of each conjunction of each pattern the field stands in the index whose values the fewest other patterns name: an
/// event which has none of them cannot match. A conjunction without a field that wants a value is a candidate always.
struct RuleIndex: Sendable {
    private let index: ConditionIndex
    /// Those that have to be looked at for each event.
    private let always: [Int32]

    init(_ patterns: [EventPattern], _ paths: PathTable) {
        let counts = RuleIndex.popularity(of: patterns, paths)
        var entries: [ConditionIndex.Entry] = []
        var always: [Int32] = []
        for (number, pattern) in patterns.enumerated() {
            guard let chosen = RuleIndex.bestFields(of: pattern, paths, counts) else {
                always.append(Int32(number))
                continue
            }
            for field in chosen {
                let path = Int32(paths.index(of: pattern.fields[field].path) ?? 0)
                for condition in pattern.fields[field].alternatives.conditions {
                    entries.append(ConditionIndex.Entry(path: path, condition: condition, owner: Int32(number)))
                }
            }
        }
        index = ConditionIndex(entries, pathCount: paths.count)
        self.always = always
    }

    /// The patterns that may match, in ascending order: all that do are among them.
    /// - Throws: `tooCostly` where the effort ends first.
    func candidates(for event: FlatEvent, _ effort: inout Effort) throws(EventFault) -> [Int32] {
        var buckets: [Int32] = []
        buckets.reserveCapacity(32)
        for value in event.values {
            if case .number = value.scalar, !effort.affords(index.rangeCount(at: value.path)) { throw .tooCostly }
            let range = Int(value.textStart)..<Int(value.textEnd)
            if value.hasEscapes {
                index.find(value.scalar, event.resolved.span.extracting(range), at: value.path, into: &buckets)
            } else {
                index.find(value.scalar, event.bytes.span.extracting(range), at: value.path, into: &buckets)
            }
        }
        var candidates = always
        // A list may hold the same value thousands of times, and a pattern may be found by several.
        for bucket in RuleIndex.distinct(buckets) { candidates += index.owners(of: bucket) }
        return RuleIndex.distinct(candidates)
    }

    private static func distinct(_ numbers: [Int32]) -> [Int32] {
        guard numbers.count > 1 else { return numbers }
        var distinct = numbers.sorted()
        var last = 0
        for number in distinct where number != distinct[last] {
            last += 1
            distinct[last] = number
        }
        distinct.removeLast(distinct.count - 1 - last)
        return distinct
    }

    // MARK: - Choosing fields

    /// How many fields of all patterns have each key.
    private static func popularity(of patterns: [EventPattern], _ paths: PathTable) -> [UInt64: Int] {
        var counts: [UInt64: Int] = [:]
        for pattern in patterns {
            for field in pattern.fields where !field.allowsAbsence {
                let path = Int32(paths.index(of: field.path) ?? 0)
                for condition in field.alternatives.conditions {
                    counts[ConditionKey(condition).hash(at: path), default: 0] += 1
                }
            }
        }
        return counts
    }

    /// One field for each conjunction; nil where some conjunction has none that wants a value.
    private static func bestFields(
        of pattern: EventPattern, _ paths: PathTable, _ counts: [UInt64: Int]
    ) -> Set<Int>? {
        let costs = pattern.fields.map { cost(of: $0, paths, counts) }
        var chosen: Set<Int> = []
        for conjunction in pattern.conjunctions {
            let usable = conjunction.filter { !pattern.fields[$0].allowsAbsence }
            guard let best = usable.min(by: { costs[$0] < costs[$1] }) else { return nil }
            chosen.insert(best)
        }
        return chosen
    }

    /// How many patterns an event would drag in by a field, roughly; the more a key leaves open, the more it counts.
    private static func cost(of field: EventPattern.Field, _ paths: PathTable, _ counts: [UInt64: Int]) -> Int {
        let path = Int32(paths.index(of: field.path) ?? 0)
        return field.alternatives.conditions.reduce(0) { sum, condition in
            let key = ConditionKey(condition)
            return sum + key.openness * counts[key.hash(at: path), default: 1]
        }
    }
}
