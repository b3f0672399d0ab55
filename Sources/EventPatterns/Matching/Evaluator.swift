/// Which field of a pattern an event does not satisfy, and how.
package struct FieldFailure: Error, Sendable, Equatable {
    package enum Reason: Sendable, Equatable {
        /// The event has no value there.
        case missing
        /// It has values, and none is wanted.
        case unwanted
        /// It has a value where only `{"exists": false}` would do.
        case present
        /// Each value that would do stands in another element of an array than those which the fields before need.
        case otherElement
    }

    /// Index in `EventPattern.fields`.
    package let field: Int
    package let reason: Reason
    /// Index in `EventPattern.conjunctions`.
    var conjunction = 0
}

/// A pattern whose fields know the numbers of their paths.
struct Evaluator: Sendable {
    struct Field: Sendable {
        let path: Int
        let alternatives: Alternatives
        let allowsAbsence: Bool

        /// What a look at one value costs.
        func units(of value: FlatEvent.Value) -> Int {
            4 + 8 * alternatives.checks + Int(value.textEnd - value.textStart) * alternatives.scans
        }
    }

    let fields: [Field]
    /// Empty where there is no `$or`: one conjunction of all fields then, and one array less to fetch.
    private let conjunctions: [[Int]]
    private let ranks: [Int]

    /// - Parameter known: what patterns before have asked for: what many ask for is shared, and stays in the cache.
    init(_ pattern: EventPattern, _ paths: PathTable, _ known: inout Set<Alternatives>) {
        fields = pattern.fields.map { field in
            let path = paths.index(of: field.path) ?? 0
            let alternatives = known.insert(field.alternatives).memberAfterInsert
            return Field(path: path, alternatives: alternatives, allowsAbsence: field.allowsAbsence)
        }
        conjunctions = pattern.conjunctions.count > 1 ? pattern.conjunctions : []
        ranks = pattern.ranks
    }

    /// Nil where one of the pattern's conjunctions holds; else the failure of one that came furthest.
    func firstFailure(in event: FlatEvent, _ effort: inout Effort) throws(EventFault) -> FieldFailure? {
        if conjunctions.isEmpty {
            let verdict = try verdict(of: fields.indices) { field throws(EventFault) in
                try judge(field, event, &effort)
            }
            return try failure(verdict, Array(fields.indices), event, &effort)
        }
        // `$or` names a field in many conjunctions.
        var judgements: [Judgement] = []
        for field in fields.indices { judgements.append(try judge(field, event, &effort)) }
        var furthest: FieldFailure?
        for (index, conjunction) in conjunctions.enumerated() {
            let verdict = verdict(of: conjunction) { judgements[$0] }
            guard var failure = try failure(verdict, conjunction, event, &effort) else { return nil }
            failure.conjunction = index
            if furthest.map({ isFurther(failure, than: $0) }) ?? true { furthest = failure }
        }
        return furthest
    }

    /// Of two that came as far, a value that is there and unwanted tells more than one that is missing.
    private func isFurther(_ failure: FieldFailure, than other: FieldFailure) -> Bool {
        let (rank, otherRank) = (ranks[failure.field], ranks[other.field])
        return rank > otherRank || rank == otherRank && other.reason == .missing && failure.reason != .missing
    }

    private enum Verdict {
        case holds
        /// Each field could hold by itself; the elements of arrays decide.
        case needsSearch
        case fails(FieldFailure)
    }

    @inline(__always)
    private func verdict<Fault: Error>(
        of conjunction: some Collection<Int>, _ judgement: (Int) throws(Fault) -> Judgement
    ) throws(Fault) -> Verdict {
        var values = 0
        var absences = 0
        for field in conjunction {
            switch try judgement(field) {
            case .holds: break
            case .needsValueInArray: values += 1
            case .needsAbsenceInArray: absences += 1
            case .fails(let reason): return .fails(FieldFailure(field: field, reason: reason))
            }
        }
        // A single field may choose as it likes.
        return absences > 0 || values > 1 ? .needsSearch : .holds
    }

    private func failure(
        _ verdict: Verdict, _ conjunction: @autoclosure () -> [Int], _ event: FlatEvent, _ effort: inout Effort
    ) throws(EventFault) -> FieldFailure? {
        switch verdict {
        case .holds: return nil
        case .fails(let failure): return failure
        case .needsSearch:
            var search = try ElementSearch(self, conjunction(), event, effort)
            defer { effort = search.effort }
            return try search.firstFailure()
        }
    }

    private enum Judgement {
        case holds
        /// It could hold by itself; what the other fields choose decides.
        case needsValueInArray
        case needsAbsenceInArray
        case fails(FieldFailure.Reason)
    }

    private func judge(_ number: Int, _ event: FlatEvent, _ effort: inout Effort) throws(EventFault) -> Judgement {
        // A span counts no references.
        let span = fields.span
        return try Evaluator.judge(span[number], event, &effort)
    }

    private static func judge(
        _ field: Field, _ event: FlatEvent, _ effort: inout Effort
    ) throws(EventFault) -> Judgement {
        let chain = event.chains[field.path]
        guard chain.count > 0 else { return field.allowsAbsence ? .holds : .fails(.missing) }
        var index = chain.first
        while index >= 0 {
            let value = event.values[Int(index)]
            guard effort.affords(field.units(of: value)) else { throw .tooCostly }
            if Evaluator.satisfies(field, value, event) {
                return chain.countOutside < chain.count ? .needsValueInArray : .holds
            }
            index = value.next
        }
        if field.allowsAbsence, chain.countOutside == 0 { return .needsAbsenceInArray }
        return .fails(field.alternatives.isEmpty ? .present : .unwanted)
    }

    /// Whether a value satisfies one of a field's alternatives.
    static func satisfies(_ field: Field, _ value: FlatEvent.Value, _ event: FlatEvent) -> Bool {
        let range = Int(value.textStart)..<Int(value.textEnd)
        if value.hasEscapes {
            return field.alternatives.areSatisfied(by: value.scalar, event.resolved.span.extracting(range))
        }
        return field.alternatives.areSatisfied(by: value.scalar, event.bytes.span.extracting(range))
    }
}
