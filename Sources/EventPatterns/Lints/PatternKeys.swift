/// Gives two patterns the same key where they say the same in another order: of fields, of alternatives, of `$or`'s
/// entries, nested or with dots.
package struct PatternKeys {
    /// What a pattern comes down to; numbers stand for fields.
    package struct Key: Hashable, Sendable {
        fileprivate let conjunctions: [[Int]]
    }

    private enum Alternative: Hashable {
        case one(Condition)
        case noneOf(Set<Condition>)
    }

    private struct Field: Hashable {
        let path: [UInt8]
        let alternatives: Set<Alternative>
        let allowsAbsence: Bool
    }

    private var numbers: [Field: Int] = [:]

    package init() {}

    package mutating func key(of pattern: EventPattern) -> Key {
        let fields = pattern.fields.map { number(of: $0) }
        let conjunctions = Set(pattern.conjunctions.map { Set($0.map { fields[$0] }).sorted() })
        return Key(conjunctions: conjunctions.sorted { $0.lexicographicallyPrecedes($1) })
    }

    private mutating func number(of field: EventPattern.Field) -> Int {
        let alternatives = Set(field.alternatives.conditions.map(PatternKeys.alternative))
        let key = Field(path: Array(field.path.utf8), alternatives: alternatives, allowsAbsence: field.allowsAbsence)
        if let number = numbers[key] { return number }
        numbers[key] = numbers.count
        return numbers.count - 1
    }

    private static func alternative(_ condition: Condition) -> Alternative {
        guard case .noneOf(let excluded) = condition else { return .one(condition.canonical) }
        return .noneOf(Set(excluded.conditions.map(\.canonical)))
    }
}

extension EventPattern {
    /// A number that patterns with the same key share, and few others; much cheaper than the key.
    package var roughHash: Int {
        let hashes = fields.map(\.roughHash)
        return UnorderedHash(conjunctions.lazy.map { UnorderedHash($0.lazy.map { hashes[$0] }).hashValue }).hashValue
    }
}

extension EventPattern.Field {
    fileprivate var roughHash: Int {
        var hasher = Hasher()
        hasher.combine(path)
        hasher.combine(allowsAbsence)
        hasher.combine(UnorderedHash(alternatives.conditions.lazy.map(\.roughHash)))
        return hasher.finalize()
    }
}

extension Condition {
    /// One form for all spellings of the same, but for the order in an anything-but.
    fileprivate var canonical: Condition {
        // 1, 1.0 and 1e0 are one number, unless it is too large to be told from others by its value.
        guard case .number(let number) = self, number.double.isFinite else { return simplest }
        return .number(NumberLiteral(text: [], double: number.double))
    }

    fileprivate var roughHash: Int {
        guard case .noneOf(let excluded) = self else { return canonical.hashValue }
        return ~UnorderedHash(excluded.conditions.lazy.map(\.canonical.hashValue)).hashValue
    }
}

/// The ends of some hashes, which neither their order nor repeats change.
private struct UnorderedHash: Hashable {
    private let least: Int
    private let greatest: Int

    init(_ hashes: some Sequence<Int>) {
        var (least, greatest) = (Int.max, Int.min)
        for hash in hashes { (least, greatest) = (min(least, hash), max(greatest, hash)) }
        (self.least, self.greatest) = (least, greatest)
    }
}
