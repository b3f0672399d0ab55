/// One alternative that a field's value may satisfy.
enum Condition: Sendable, Hashable {
    case null
    case bool(Bool)
    case number(NumberLiteral)
    case string([UInt8])
    case prefix([UInt8])
    case suffix([UInt8])
    /// Texts of these three are folded already.
    case equalsIgnoringCase([UInt8])
    case prefixIgnoringCase([UInt8])
    case suffixIgnoringCase([UInt8])
    case wildcard(Wildcard)
    case numeric(NumericRange)
    case address(AddressRange)
    case exists
    /// No value at all; not a property of one value, so it is judged for the whole field.
    case absent
    case noneOf(Alternatives)
}

/// A number as it is written and as a double; either may make two numbers the same.
struct NumberLiteral: Sendable, Hashable {
    let text: [UInt8]
    let double: Double

    func equals(_ other: Double, _ otherText: Span<UInt8>) -> Bool {
        double.isFinite && other.isFinite ? double == other : otherText.equals(text)
    }
}

/// Bounds of `numeric`; a single comparison leaves the other end open.
struct NumericRange: Sendable, Hashable {
    var lowest = -Double.infinity
    var includesLowest = true
    var highest = Double.infinity
    var includesHighest = true

    func contains(_ value: Double) -> Bool {
        value.isFinite && (includesLowest ? value >= lowest : value > lowest)
            && (includesHighest ? value <= highest : value < highest)
    }
}

extension Condition {
    /// Whether a value that is present satisfies this alternative.
    func isSatisfied(by scalar: FlatEvent.Scalar, _ text: Span<UInt8>) -> Bool {
        switch self {
        case .string(let wanted): scalar == .string && text.equals(wanted)
        case .prefix(let prefix): scalar == .string && text.hasPrefix(prefix)
        case .suffix(let suffix): scalar == .string && text.hasSuffix(suffix)
        case .equalsIgnoringCase(let wanted): scalar == .string && CaseFolding.equals(text, wanted)
        case .prefixIgnoringCase(let prefix): scalar == .string && CaseFolding.hasPrefix(text, prefix)
        case .suffixIgnoringCase(let suffix): scalar == .string && CaseFolding.fold(text).span.hasSuffix(suffix)
        case .wildcard(let wildcard): scalar == .string && wildcard.matches(text)
        case .address(let range): scalar == .string && range.contains(text)
        case .numeric(let range): if case .number(let value) = scalar { range.contains(value) } else { false }
        case .number(let wanted): if case .number(let value) = scalar { wanted.equals(value, text) } else { false }
        case .null: scalar == .null
        case .bool(let wanted): scalar == .bool(wanted)
        case .exists: true
        case .absent: false
        case .noneOf(let unwanted): !unwanted.areSatisfied(by: scalar, text)
        }
    }

    /// How many comparisons a value takes, at most.
    var checks: Int { if case .noneOf(let unwanted) = self { 1 + unwanted.checks } else { 1 } }

    /// How many times the whole text of a value is read, at most.
    var scans: Int {
        switch self {
        case .wildcard, .equalsIgnoringCase, .prefixIgnoringCase, .suffixIgnoringCase: 1
        case .noneOf(let unwanted): unwanted.scans
        default: 0
        }
    }
}
