/// Looks for one value for each field so that no two of them stand in different elements of the same array.
///
/// A backtracking search. When a field finds no value, the search goes back to the latest field that stood in its way
/// (not merely the latest field), and candidates in elements that are ruled out are skipped by binary search; together
/// that keeps it near linear for arrays as they come. Only dotted keys can make arrays overlap so that the search grows
/// quickly; they are what the effort is counted for.
struct ElementSearch {
    private static let unitsOfChoice = 16

    private struct Candidate {
        let value: Int32
        /// The innermost element that matters to another field too.
        let element: Int32
    }

    /// A field that chooses a value, or, where it may, is absent.
    private struct Level {
        let field: Int
        var candidates: [Candidate] = []
        var values: [Candidate] = []
        let allowsAbsence: Bool
    }

    private let event: FlatEvent
    private var levels: [Level] = []
    /// Fields that are to have no value among the elements chosen.
    private var absences: [Level] = []
    /// The elements chosen by the levels so far; -1 restricts nothing.
    private var chosen: [Int32] = []
    private(set) var effort: Effort
    private var deepest = 0
    private var violatedAbsence: Int?

    /// - Throws: `tooCostly` where the effort does not reach for all values.
    init(
        _ evaluator: Evaluator, _ conjunction: [Int], _ event: FlatEvent, _ effort: Effort
    ) throws(EventFault) {
        self.event = event
        self.effort = effort
        var shared = SharedArrays(event)
        for field in conjunction { shared.mark(field, evaluator.fields[field].path) }
        let relevant = shared.relevantElements()
        for field in conjunction {
            let wanted = evaluator.fields[field]
            var level = Level(field: field, allowsAbsence: wanted.allowsAbsence)
            var isInArray = false
            for value in event.indices(of: wanted.path) {
                let innermost = Int(event.values[Int(value)].element)
                let element = innermost < 0 ? -1 : relevant[innermost]
                let candidate = Candidate(value: value, element: element)
                isInArray = isInArray || innermost >= 0
                if level.allowsAbsence { level.values.append(candidate) }
                guard self.effort.affords(wanted.units(of: event.values[Int(value)])) else { throw .tooCostly }
                // Values in the same element are as good as each other.
                if level.candidates.last?.element == element { continue }
                if Evaluator.satisfies(wanted, event.values[Int(value)], event) { level.candidates.append(candidate) }
            }
            if !level.candidates.isEmpty { levels.append(level) } else if isInArray { absences.append(level) }
        }
    }

    /// - Throws: `tooEntangled` where the effort ends first.
    mutating func firstFailure() throws(EventFault) -> FieldFailure? {
        guard try search(0) != nil else { return nil }
        if deepest < levels.count { return FieldFailure(field: levels[deepest].field, reason: .otherElement) }
        let field = violatedAbsence ?? levels.last?.field ?? 0
        let isPure = absences.contains { $0.field == field }
        return FieldFailure(field: field, reason: isPure ? .present : .otherElement)
    }

    /// Nil where values for this level and all further ones are found; else the levels that stand in the way.
    private mutating func search(_ index: Int) throws(EventFault) -> LevelMask? {
        deepest = max(deepest, index)
        guard index < levels.count else { return try violation() }
        var conflicts = LevelMask()
        var position = 0
        while let next = try compatible(levels[index].candidates, from: position, &conflicts) {
            let inner = try choose(levels[index].candidates[next].element, at: index)
            guard let inner else { return nil }
            guard inner.contains(index) else { return inner }
            conflicts.formUnion(inner)
            position = next + 1
        }
        if levels[index].allowsAbsence {
            absences.append(levels[index])
            defer { absences.removeLast() }
            guard let inner = try choose(-1, at: index) else { return nil }
            conflicts.formUnion(inner)
        }
        conflicts.remove(index)
        return conflicts
    }

    private mutating func choose(_ element: Int32, at index: Int) throws(EventFault) -> LevelMask? {
        guard effort.affords(ElementSearch.unitsOfChoice) else { throw .tooEntangled }
        chosen.append(element)
        defer { chosen.removeLast() }
        return try search(index + 1)
    }

    // MARK: - Elements

    /// The first candidate from a position on that agrees with all choices; what stood in the way of others is noted.
    private mutating func compatible(
        _ candidates: [Candidate], from start: Int, _ conflicts: inout LevelMask
    ) throws(EventFault) -> Int? {
        var position = start
        search: while position < candidates.count {
            let candidate = candidates[position]
            guard effort.affords(chosen.count) else { throw .tooEntangled }
            for (level, element) in chosen.enumerated() {
                guard let rival = clash(candidate.element, element) else { continue }
                conflicts.insert(level)
                let isBefore = candidate.value < event.elements[Int(rival)].firstValue
                let array = event.arrays[Int(event.elements[Int(rival)].array)]
                let resume = isBefore ? event.elements[Int(rival)].firstValue : array.endValue
                position = ElementSearch.firstIndex(in: candidates, from: position + 1, notBefore: resume)
                continue search
            }
            return position
        }
        return nil
    }

    private static func firstIndex(in candidates: [Candidate], from start: Int, notBefore value: Int32) -> Int {
        var low = start
        var high = candidates.count
        while low < high {
            let middle = (low + high) / 2
            if candidates[middle].value < value { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// The element around `chosen` whose array `element` stands in too, in another element; nil where they agree.
    private func clash(_ element: Int32, _ chosen: Int32) -> Int32? {
        var left = element
        var right = chosen
        while depth(left) > depth(right) { left = event.elements[Int(left)].parent }
        while depth(right) > depth(left) { right = event.elements[Int(right)].parent }
        while left != right {
            if event.elements[Int(left)].array == event.elements[Int(right)].array { return right }
            left = event.elements[Int(left)].parent
            right = event.elements[Int(right)].parent
        }
        return nil
    }

    private func depth(_ element: Int32) -> Int32 { element < 0 ? 0 : event.elements[Int(element)].depth }

    /// Whether `outer` is `inner` or around it.
    private func encloses(_ outer: Int32, _ inner: Int32) -> Bool {
        var element = inner
        while depth(element) > depth(outer) { element = event.elements[Int(element)].parent }
        return element == outer
    }

    // MARK: - Absence

    /// Nil where no absent field has a value among the elements chosen; else the levels that could change that.
    private mutating func violation() throws(EventFault) -> LevelMask? {
        for absence in absences {
            var ignored = LevelMask()
            guard let index = try compatible(absence.values, from: 0, &ignored) else { continue }
            violatedAbsence = absence.field
            var conflicts = LevelMask()
            var element = event.values[Int(absence.values[index].value)].element
            while element >= 0 {
                addLevels(thatChoose: element, to: &conflicts)
                element = event.elements[Int(element)].parent
            }
            return conflicts
        }
        return nil
    }

    /// The level that chose this element, or where none did, those which could choose in its array.
    private func addLevels(thatChoose element: Int32, to conflicts: inout LevelMask) {
        if let level = chosen.firstIndex(where: { $0 >= 0 && encloses(element, $0) }) {
            return conflicts.insert(level)
        }
        let array = event.arrays[Int(event.elements[Int(element)].array)]
        for (level, content) in levels.enumerated() {
            let first = ElementSearch.firstIndex(in: content.candidates, from: 0, notBefore: array.firstValue)
            if first < content.candidates.count, content.candidates[first].value < array.endValue {
                conflicts.insert(level)
            }
        }
    }
}

/// A set of levels; those from 63 on share a bit, which makes the search go back less far than it could, never further.
private struct LevelMask {
    private var bits: UInt64 = 0

    func contains(_ level: Int) -> Bool { bits & 1 << UInt64(min(level, 63)) != 0 }

    mutating func insert(_ level: Int) { bits |= 1 << UInt64(min(level, 63)) }

    mutating func remove(_ level: Int) { if level < 64 { bits &= ~(1 << UInt64(level)) } }

    mutating func formUnion(_ other: LevelMask) { bits |= other.bits }
}

/// Which arrays hold values of more than one field: only in those does it matter which element is chosen.
private struct SharedArrays {
    private static let nobody = -1
    private static let several = -2

    private let event: FlatEvent
    private var owners: [Int]

    init(_ event: FlatEvent) {
        self.event = event
        owners = [Int](repeating: SharedArrays.nobody, count: event.arrays.count)
    }

    mutating func mark(_ field: Int, _ path: Int) {
        for value in event.indices(of: path) {
            var element = event.values[Int(value)].element
            while element >= 0 {
                let array = Int(event.elements[Int(element)].array)
                // What is around it was marked when this array was.
                if owners[array] == field || owners[array] == SharedArrays.several { break }
                owners[array] = owners[array] == SharedArrays.nobody ? field : SharedArrays.several
                element = event.elements[Int(element)].parent
            }
        }
    }

    /// For each element the innermost one around it, or itself, whose array is shared; -1 where none is.
    func relevantElements() -> [Int32] {
        var relevant: [Int32] = []
        relevant.reserveCapacity(event.elements.count)
        for (number, element) in event.elements.enumerated() {
            // What is around an element comes before it.
            let outer = element.parent < 0 ? -1 : relevant[Int(element.parent)]
            relevant.append(owners[Int(element.array)] == SharedArrays.several ? Int32(number) : outer)
        }
        return relevant
    }
}
