package import JSON

/// A number in a template: it keeps its spelling until arithmetic touches it.
///
/// Arithmetic is IEEE 754 double, as in JSON-e for JavaScript: whole numbers are exact up to 2^53, `/` is true
/// division, and what leaves the range of a double is an error. A result that is whole is written without a fraction.
package enum TemplateNumber: Sendable {
    case literal(JSONNumber)
    case computed(Double)

    init(_ number: JSONNumber) { self = .literal(number) }

    /// Nil where the value is infinite or no number: JSON has no such numbers.
    package init?(_ value: Double) {
        guard value.isFinite else { return nil }
        self = .computed(value)
    }

    package var double: Double {
        switch self {
        case .literal(let number): JSONNumber.double(of: number.text.utf8Span.span)
        case .computed(let value): value
        }
    }

    package var text: String {
        switch self {
        case .literal(let number): number.text
        case .computed(let value): TemplateNumber.text(of: value)
        }
    }

    var json: JSONNumber {
        switch self {
        case .literal(let number): number
        case .computed: JSONNumber(text: text) ?? JSONNumber(0)
        }
    }

    /// Bytes of its text, or a bound of them.
    var size: Int {
        switch self {
        case .literal(let number): number.text.utf8.count
        case .computed: 8
        }
    }

    /// The value where it is whole and exact in a double; nil where it is neither.
    package var wholeNumber: Int? {
        let value = double
        guard value.magnitude <= 0x1p53, value == value.rounded(.towardZero) else { return nil }
        return Int(value)
    }

    /// Whole numbers below 10^21 have all their digits, as in JavaScript; the others the shortest that are exact.
    private static func text(of value: Double) -> String {
        if value.magnitude <= 0x1p53, value == value.rounded(.towardZero) { return String(Int64(value)) }
        let shortest = value.description
        guard value.magnitude < 1e21, value.magnitude > 1, shortest.utf8.contains(UInt8(ascii: "e")) else {
            return shortest.hasSuffix(".0") ? String(shortest.dropLast(2)) : shortest
        }
        let mantissa = shortest.utf8.prefix { $0 != UInt8(ascii: "e") }
        let power = Int(Substring(shortest.utf8.dropFirst(mantissa.count + "e+".utf8.count))) ?? 0
        let digits = mantissa.filter { $0 != UInt8(ascii: ".") }
        let places = power + (value < 0 ? 2 : 1)
        return String(decoding: digits, as: UTF8.self) + String(repeating: "0", count: max(0, places - digits.count))
    }
}

extension TemplateNumber {
    /// Compares by value; two whole literals by all their digits, so that long ids that differ are not the same.
    func compare(to other: TemplateNumber) -> Ordering {
        if case .literal(let left) = self, case .literal(let right) = other,
            let left = WholeLiteral(left.text), let right = WholeLiteral(right.text)
        {
            return left.compare(to: right)
        }
        return Ordering(double, other.double)
    }
}

enum Ordering {
    case before
    case same
    case behind

    init(_ left: Double, _ right: Double) { self = left < right ? .before : left == right ? .same : .behind }

    init(_ left: Int, _ right: Int) { self = left < right ? .before : left == right ? .same : .behind }

    /// Orders texts by their scalars, which is the order of their UTF-8 bytes.
    init(_ left: String, _ right: String) {
        if left.utf8.lexicographicallyPrecedes(right.utf8) {
            self = .before
        } else {
            self = left.hasSameScalars(as: right) ? .same : .behind
        }
    }

    var reversed: Ordering {
        switch self {
        case .before: .behind
        case .same: .same
        case .behind: .before
        }
    }
}

/// A literal of digits alone that has more than 15 of them.
private struct WholeLiteral {
    let isNegative: Bool
    let digits: Substring

    init?(_ text: String) {
        guard text.utf8.count > 15 else { return nil }
        isNegative = text.utf8.first == UInt8(ascii: "-")
        digits = isNegative ? text.dropFirst() : text[...]
        guard digits.utf8.allSatisfy({ $0 &- UInt8(ascii: "0") < 10 }) else { return nil }
    }

    func compare(to other: WholeLiteral) -> Ordering {
        if isNegative != other.isNegative { return isNegative ? .before : .behind }
        let (mine, others) = (digits.utf8.count, other.digits.utf8.count)
        let magnitude = mine == others ? Ordering(String(digits), String(other.digits)) : Ordering(mine, others)
        return isNegative ? magnitude.reversed : magnitude
    }
}
