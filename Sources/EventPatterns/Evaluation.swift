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
}

/// One pattern held against one event.
struct Evaluation {
    let pattern: EventPattern
    let fieldPaths: [Int]
    let event: FlatEvent

    /// Nil where one of the pattern's conjunctions holds; else the failure of the one that came furthest.
    func firstFailure() throws(EventFault) -> FieldFailure? {
        var furthest: FieldFailure?
        for conjunction in pattern.conjunctions {
            guard let failure = try firstFailure(of: conjunction) else { return nil }
            if furthest.map({ $0.field < failure.field }) ?? true { furthest = failure }
        }
        return furthest
    }

    private func firstFailure(of conjunction: [Int]) throws(EventFault) -> FieldFailure? {
        var values = 0
        var absences = 0
        for field in conjunction {
            switch judge(field) {
            case .holds: break
            case .needsValueInArray: values += 1
            case .needsAbsenceInArray: absences += 1
            case .fails(let reason): return FieldFailure(field: field, reason: reason)
            }
        }
        // A single field may choose as it likes.
        guard absences > 0 || values > 1 else { return nil }
        var search = ElementSearch(evaluation: self, conjunction: conjunction)
        return try search.firstFailure()
    }

    private enum Judgement {
        case holds
        /// It could hold by itself; what the other fields choose decides.
        case needsValueInArray
        case needsAbsenceInArray
        case fails(FieldFailure.Reason)
    }

    private func judge(_ field: Int) -> Judgement {
        let path = fieldPaths[field]
        let allowsAbsence = pattern.fields[field].allowsAbsence
        let first = event.chains[path].first
        guard first >= 0 else { return allowsAbsence ? .holds : .fails(.missing) }
        if event.elements.isEmpty {
            if satisfies(field, first) { return .holds }
            if event.values[Int(first)].next < 0 { return .fails(reason(field)) }
        }
        var isInArray = false
        var isOutside = false
        var candidates = false
        var index = first
        while index >= 0 {
            let value = event.values[Int(index)]
            if value.element < 0 { isOutside = true } else { isInArray = true }
            if !candidates { candidates = satisfies(field, index) }
            index = value.next
        }
        if candidates { return isInArray ? .needsValueInArray : .holds }
        return allowsAbsence && !isOutside ? .needsAbsenceInArray : .fails(reason(field))
    }

    private func reason(_ field: Int) -> FieldFailure.Reason {
        pattern.fields[field].conditions.isEmpty ? .present : .unwanted
    }

    /// Whether a value satisfies one of a field's alternatives.
    func satisfies(_ field: Int, _ index: Int32) -> Bool {
        let value = event.values[Int(index)]
        let text = event.texts.span.extracting(Int(value.textStart)..<Int(value.textEnd))
        for condition in pattern.fields[field].conditions where condition.isSatisfied(by: value.scalar, text) {
            return true
        }
        return false
    }
}
