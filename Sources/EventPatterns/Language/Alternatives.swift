/// Conditions of which one is enough; where they are many, a table finds those that come into question.
struct Alternatives: Sendable {
    private static let few = 3
    /// A look-up takes as long as so many comparisons.
    private static let checksOfTable = 2

    /// A class, because most fields have none, and a reference is small.
    private final class Table: Sendable {
        let index: ConditionIndex

        init(_ conditions: [Condition]) {
            let entries = conditions.enumerated().map { ConditionIndex.Entry(path: 0, condition: $1, owner: Int32($0)) }
            index = ConditionIndex(entries, pathCount: 1)
        }
    }

    let conditions: [Condition]
    private let table: Table?
    /// How many conditions a value is asked about one by one, at most.
    let checks: Int
    /// How many of them read a whole text.
    let scans: Int

    init(_ conditions: [Condition]) {
        self.conditions = conditions
        guard conditions.count > Alternatives.few else {
            table = nil
            checks = conditions.reduce(0) { $0 + $1.checks }
            scans = conditions.reduce(0) { $0 + $1.scans }
            return
        }
        table = Table(conditions)
        let single = conditions.filter { $0.mayShareKey }
        checks = single.reduce(Alternatives.checksOfTable) { $0 + $1.checks }
        scans = single.reduce(1) { $0 + $1.scans }
    }

    var isEmpty: Bool { conditions.isEmpty }

    /// Whether a value that is present satisfies one of them.
    func areSatisfied(by scalar: FlatEvent.Scalar, _ text: Span<UInt8>) -> Bool {
        guard let index = table?.index else {
            // Through a span, which counts no references.
            let span = conditions.span
            for index in span.indices where span[index].isSatisfied(by: scalar, text) { return true }
            return false
        }
        var buckets: [Int32] = []
        index.find(scalar, text, at: 0, into: &buckets)
        for bucket in buckets {
            for owner in index.owners(of: bucket) where conditions[Int(owner)].isSatisfied(by: scalar, text) {
                return true
            }
        }
        return false
    }
}

extension Alternatives: Hashable {
    static func == (left: Alternatives, right: Alternatives) -> Bool { left.conditions == right.conditions }

    func hash(into hasher: inout Hasher) { hasher.combine(conditions) }
}

extension Condition {
    /// Whether others that are not the same may have its key, so that a look-up may find all of them.
    fileprivate var mayShareKey: Bool {
        if case .wildcard = self { true } else { ConditionKey(self).isBroad }
    }
}
