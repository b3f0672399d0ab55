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
///
/// A class, so that to walk through thousands of them counts one reference each.
final class Evaluator: Sendable {
    struct Field: Sendable {
        let path: Int
        let conditions: [Condition]
        let allowsAbsence: Bool
    }

    let fields: [Field]
    private let conjunctions: [[Int]]
    private let ranks: [Int]

    init(_ pattern: EventPattern, _ paths: PathTable) {
        fields = pattern.fields.map { field in
            let path = paths.index(of: field.path) ?? 0
            return Field(path: path, conditions: field.conditions, allowsAbsence: field.allowsAbsence)
        }
        conjunctions = pattern.conjunctions
        ranks = pattern.ranks
    }

    /// Nil where one of the pattern's conjunctions holds; else the failure of one that came furthest.
    func firstFailure(in event: FlatEvent) throws(EventFault) -> FieldFailure? {
        var furthest: FieldFailure?
        for (index, conjunction) in conjunctions.enumerated() {
            guard var failure = try firstFailure(of: conjunction, in: event) else { return nil }
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

    private func firstFailure(of conjunction: [Int], in event: FlatEvent) throws(EventFault) -> FieldFailure? {
        var values = 0
        var absences = 0
        for field in conjunction {
            switch judge(fields[field], event) {
            case .holds: break
            case .needsValueInArray: values += 1
            case .needsAbsenceInArray: absences += 1
            case .fails(let reason): return FieldFailure(field: field, reason: reason)
            }
        }
        // A single field may choose as it likes.
        guard absences > 0 || values > 1 else { return nil }
        var search = ElementSearch(self, conjunction, event)
        return try search.firstFailure()
    }

    private enum Judgement {
        case holds
        /// It could hold by itself; what the other fields choose decides.
        case needsValueInArray
        case needsAbsenceInArray
        case fails(FieldFailure.Reason)
    }

    private func judge(_ field: Field, _ event: FlatEvent) -> Judgement {
        var index = event.chains[field.path].first
        guard index >= 0 else { return field.allowsAbsence ? .holds : .fails(.missing) }
        var isInArray = false
        var isOutside = false
        var isSatisfied = false
        while index >= 0 {
            let value = event.values[Int(index)]
            if value.element < 0 { isOutside = true } else { isInArray = true }
            isSatisfied = isSatisfied || Evaluator.satisfies(field, value, event)
            index = value.next
        }
        if isSatisfied { return isInArray ? .needsValueInArray : .holds }
        if field.allowsAbsence, !isOutside { return .needsAbsenceInArray }
        return .fails(field.conditions.isEmpty ? .present : .unwanted)
    }

    /// Whether a value satisfies one of a field's alternatives.
    static func satisfies(_ field: Field, _ value: FlatEvent.Value, _ event: FlatEvent) -> Bool {
        let range = Int(value.textStart)..<Int(value.textEnd)
        if value.hasEscapes { return satisfies(field, value.scalar, event.resolved.span.extracting(range)) }
        return satisfies(field, value.scalar, event.bytes.span.extracting(range))
    }

    private static func satisfies(_ field: Field, _ scalar: FlatEvent.Scalar, _ text: Span<UInt8>) -> Bool {
        for condition in field.conditions where condition.isSatisfied(by: scalar, text) { return true }
        return false
    }
}
