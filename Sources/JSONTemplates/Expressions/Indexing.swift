/// `value[index]` and `value[from:to]`; negative places count from the end, characters are Unicode scalars.
extension Renderer {
    mutating func element(of value: TemplateValue, at index: TemplateValue) throws(TemplateError) -> TemplateValue {
        switch value {
        case .list(let list): return list.elements[try place(index, count: list.elements.count)]
        case .string(let text):
            // It is gone through to count its characters, and again to the place.
            try budget.spend(bytes: 2 * text.utf8.count)
            let place = try place(index, count: text.scalarCount)
            return .string(text.scalars(place..<place + 1))
        case .object(let fields):
            guard case .string(let key) = index else {
                throw TemplateError(.interpreter, "object keys must be strings")
            }
            try budget.spend(bytes: key.utf8.count)
            return fields[key] ?? .null
        default: throw TemplateError(.interpreter, "infix: \"[..]\" expects object, array, or string")
        }
    }

    private func place(_ index: TemplateValue, count: Int) throws(TemplateError) -> Int {
        guard case .number(let number) = index, let place = number.wholeNumber else {
            throw TemplateError(.interpreter, "should only use integers to access arrays or strings")
        }
        let fromStart = place < 0 ? place + count : place
        guard fromStart >= 0, fromStart < count else { throw TemplateError(.interpreter, "index out of bounds") }
        return fromStart
    }

    mutating func slice(
        _ value: TemplateValue, from: TemplateValue?, to: TemplateValue?
    ) throws(TemplateError) -> TemplateValue {
        switch value {
        case .list(let list):
            let range = try range(from, to, count: list.elements.count)
            try budget.spend(range.count)
            return try budget.list(Array(list.elements[range]))
        case .string(let text):
            // It is gone through to count its characters, and again to the place.
            try budget.spend(bytes: 2 * text.utf8.count)
            return .string(text.scalars(try range(from, to, count: text.scalarCount)))
        default: throw TemplateError(.interpreter, "infix: \"[..]\" expects object, array, or string")
        }
    }

    private func range(_ from: TemplateValue?, _ to: TemplateValue?, count: Int) throws(TemplateError) -> Range<Int> {
        let start = try bound(from, count: count) ?? 0
        let end = try bound(to, count: count) ?? count
        return start..<max(start, end)
    }

    /// A bound moved into `0...count`; nil where there is none.
    private func bound(_ value: TemplateValue?, count: Int) throws(TemplateError) -> Int? {
        guard let value else { return nil }
        guard case .number(let number) = value, let place = number.wholeNumber else {
            throw TemplateError(.interpreter, "cannot perform interval access with non-integers")
        }
        return max(0, min(count, place < 0 ? place + count : place))
    }
}

extension String {
    /// How many Unicode scalars it has.
    var scalarCount: Int { utf8Span.isKnownASCII ? utf8.count : unicodeScalars.count }

    /// The scalars in a range that is known to be inside of the string.
    func scalars(_ range: Range<Int>) -> String {
        if utf8Span.isKnownASCII {
            let start = utf8.index(startIndex, offsetBy: range.lowerBound)
            return String(self[start..<utf8.index(start, offsetBy: range.count)])
        }
        let start = unicodeScalars.index(startIndex, offsetBy: range.lowerBound)
        return String(self[start..<unicodeScalars.index(start, offsetBy: range.count)])
    }
}
