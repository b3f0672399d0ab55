/// What can be said of two alternatives without looking at an event. All answers are sound and none is complete: false
/// means that it could not be shown.
extension Condition {
    /// Whether every value that satisfies `other` satisfies this too.
    func covers(_ other: Condition) -> Bool {
        switch (self, other) {
        case (.absent, _), (_, .absent): self == other
        case (.exists, _): true
        case (_, .exists): false
        case (.noneOf(let mine), .noneOf(let theirs)):
            mine.conditions.allSatisfy { excluded in theirs.conditions.contains { $0.covers(excluded) } }
        case (_, .noneOf): false
        case (.noneOf(let mine), _): mine.conditions.allSatisfy { $0.isDisjoint(from: other) }
        case (.numeric(let range), .numeric(let inner)): range.covers(inner)
        default: isSatisfied(byValueOf: other) ?? Condition.textCovers(self, other)
        }
    }

    /// Whether no value satisfies both.
    func isDisjoint(from other: Condition) -> Bool {
        if case .noneOf = self { return false }
        if case .noneOf = other { return false }
        if let isSatisfied = isSatisfied(byValueOf: other) ?? other.isSatisfied(byValueOf: self) {
            return !isSatisfied
        }
        guard let shape = TextShape(self), let otherShape = TextShape(other) else {
            return kinds.isDisjoint(with: other.kinds)
        }
        return shape.isDisjoint(from: otherShape)
    }

    /// Whether the one value that satisfies `other` satisfies this; nil where more than one does.
    private func isSatisfied(byValueOf other: Condition) -> Bool? {
        switch other.simplest {
        case .string(let text): isSatisfied(by: .string, text.span)
        case .number(let number): isSatisfied(by: .number(number.double), number.text.span)
        case .bool(let value): isSatisfied(by: .bool(value), [UInt8]().span)
        case .null: isSatisfied(by: .null, [UInt8]().span)
        default: nil
        }
    }

    private static func textCovers(_ outer: Condition, _ inner: Condition) -> Bool {
        if outer == inner { return true }
        guard let outer = TextShape(outer), let inner = TextShape(inner) else { return false }
        return outer.covers(inner)
    }

    /// The same in plainer words: a wildcard without a star is a value, one with a star at an end a prefix or suffix.
    var simplest: Condition {
        guard case .wildcard(let wildcard) = self else { return self }
        let literals = wildcard.literals
        switch (literals.count, literals.first?.isEmpty, literals.last?.isEmpty) {
        case (1, _, _): return .string(literals[0])
        case (2, _, true): return .prefix(literals[0])
        case (2, true, _): return .suffix(literals[1])
        default: return self
        }
    }
}

/// A run of text that stands at a known place in a string.
private struct TextShape {
    private enum Anchor { case whole, start, end }

    private let anchor: Anchor
    private let ignoresCase: Bool
    private let bytes: [UInt8]

    /// Nil for what is not one run of text.
    init?(_ condition: Condition) {
        switch condition.simplest {
        case .string(let text): (anchor, ignoresCase, bytes) = (.whole, false, text)
        case .prefix(let text): (anchor, ignoresCase, bytes) = (.start, false, text)
        case .suffix(let text): (anchor, ignoresCase, bytes) = (.end, false, text)
        case .equalsIgnoringCase(let text): (anchor, ignoresCase, bytes) = (.whole, true, text)
        case .prefixIgnoringCase(let text): (anchor, ignoresCase, bytes) = (.start, true, text)
        case .suffixIgnoringCase(let text): (anchor, ignoresCase, bytes) = (.end, true, text)
        default: return nil
        }
    }

    func covers(_ inner: TextShape) -> Bool {
        guard ignoresCase || !inner.ignoresCase || bytes.isEmpty, anchor == inner.anchor || inner.anchor == .whole
        else { return anchor != .whole && bytes.isEmpty }
        return hasRun(in: ignoresCase ? inner.folded : inner.bytes)
    }

    func isDisjoint(from other: TextShape) -> Bool {
        let ignoresCase = ignoresCase || other.ignoresCase
        let mine = ignoresCase ? folded : bytes
        let theirs = ignoresCase ? other.folded : other.bytes
        switch (anchor, other.anchor) {
        case (_, .whole): return !TextShape.has(theirs, mine, anchor)
        case (.whole, _): return !TextShape.has(mine, theirs, other.anchor)
        case (.start, .end), (.end, .start): return false
        case (.start, .start), (.end, .end):
            return !TextShape.has(theirs, mine, anchor) && !TextShape.has(mine, theirs, anchor)
        }
    }

    private var folded: [UInt8] { ignoresCase ? bytes : CaseFolding.fold(bytes.span) }

    private func hasRun(in text: [UInt8]) -> Bool { TextShape.has(text, bytes, anchor) }

    private static func has(_ text: [UInt8], _ run: [UInt8], _ anchor: Anchor) -> Bool {
        switch anchor {
        case .whole: text == run
        case .start: text.span.hasPrefix(run)
        case .end: text.span.hasSuffix(run)
        }
    }
}

extension NumericRange {
    fileprivate func covers(_ inner: NumericRange) -> Bool {
        (lowest < inner.lowest || lowest == inner.lowest && (includesLowest || !inner.includesLowest))
            && (highest > inner.highest || highest == inner.highest && (includesHighest || !inner.includesHighest))
    }
}
