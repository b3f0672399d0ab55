/// The functions of JSON-e's specification; the raw value is their name.
package enum Builtin: String, Sendable, CaseIterable {
    case min
    case max
    case sqrt
    case ceil
    case floor
    case abs
    case lowercase
    case uppercase
    case str
    case number
    case len
    case fromNow
    case typeof
    case defined
    case range
    case join
    case split
    case strip
    case lstrip
    case rstrip
}

extension Renderer {
    mutating func call(
        _ builtin: Builtin, _ arguments: [TemplateValue], _ scope: Scope
    ) throws(TemplateError) -> TemplateValue {
        switch builtin {
        case .min, .max, .sqrt, .ceil, .floor, .abs: return try computed(builtin, arguments)
        case .lowercase, .uppercase, .strip, .lstrip, .rstrip: return try changed(builtin, arguments)
        case .join: return try join(arguments)
        case .split: return try split(arguments)
        case .range: return try range(arguments)
        case .len: return try length(arguments)
        case .number: return try parsedNumber(arguments)
        case .fromNow: return try fromNow(arguments, scope)
        case .str:
            guard arguments.count == 1, let text = arguments[0].scalarText else { throw .badArguments(.str) }
            return .string(text)
        case .typeof:
            guard arguments.count == 1 else { throw .badArguments(.typeof) }
            return .string(arguments[0].typeName)
        case .defined:
            guard arguments.count == 1, case .string(let name) = arguments[0] else { throw .badArguments(.defined) }
            return .bool(try lookUp(FieldKey(name), scope) != nil || Builtin(rawValue: name) != nil)
        }
    }

    private mutating func computed(_ builtin: Builtin, _ arguments: [TemplateValue]) throws(TemplateError)
        -> TemplateValue
    {
        let numbers = arguments.compactMap { if case .number(let number) = $0 { number } else { nil } }
        guard numbers.count == arguments.count else { throw .badArguments(builtin) }
        try budget.spend(bytes: numbers.reduce(0) { $0 + $1.size })
        guard let first = numbers.first else { throw .badArguments(builtin, ": expected at least 1 arguments") }
        switch builtin {
        case .min: return .number(numbers.dropFirst().reduce(first) { $1.compare(to: $0) == .before ? $1 : $0 })
        case .max: return .number(numbers.dropFirst().reduce(first) { $1.compare(to: $0) == .behind ? $1 : $0 })
        default: break
        }
        let result =
            switch builtin {
            case .sqrt: first.double.squareRoot()
            case .ceil: first.double.rounded(.up)
            case .floor: first.double.rounded(.down)
            default: first.double.magnitude
            }
        guard numbers.count == 1, let number = TemplateNumber(result) else { throw .badArguments(builtin) }
        return .number(number)
    }

    private mutating func length(_ arguments: [TemplateValue]) throws(TemplateError) -> TemplateValue {
        guard arguments.count == 1 else { throw .badArguments(.len) }
        switch arguments[0] {
        case .list(let list): return .number(list.elements.count)
        case .string(let text):
            try budget.spend(bytes: text.utf8.count)
            return .number(text.scalarCount)
        default: throw .badArguments(.len)
        }
    }

    /// The whole numbers from the first argument up to the second, without it, in steps of the third.
    private mutating func range(_ arguments: [TemplateValue]) throws(TemplateError) -> TemplateValue {
        let numbers = arguments.compactMap { if case .number(let number) = $0 { number.wholeNumber } else { nil } }
        guard numbers.count == arguments.count, (2...3).contains(numbers.count) else { throw .badArguments(.range) }
        let step = numbers.count == 3 ? numbers[2] : 1
        guard step != 0 else { throw .badArguments(.range) }
        // Whole numbers are at most 2^53, so nothing here overflows.
        let count = Swift.max(0, (numbers[1] - numbers[0] + (step > 0 ? step - 1 : step + 1)) / step)
        try budget.spend(count)
        return try budget.list((0..<count).map { .number(numbers[0] + $0 * step) })
    }

    private mutating func fromNow(_ arguments: [TemplateValue], _ scope: Scope) throws(TemplateError) -> TemplateValue {
        guard let offset = arguments.first else {
            throw .badArguments(.fromNow, ": expected at least 1 arguments")
        }
        guard arguments.count <= 2, case .string(let offset) = offset else { throw .badArguments(.fromNow) }
        guard arguments.count == 2 else { return try time(offset, after: nil, scope) }
        guard case .string = arguments[1] else { throw .badArguments(.fromNow) }
        return try time(offset, after: arguments[1], scope)
    }
}

extension TemplateError {
    static func badArguments(_ builtin: Builtin, _ more: String = "") -> TemplateError {
        TemplateError(.builtin, "invalid arguments to builtin: \(builtin.rawValue)\(more)")
    }
}

// MARK: - Times

extension Renderer {
    /// `$fromNow`.
    mutating func fromNow(
        _ node: TemplateNode, _ from: TemplateNode?, _ scope: Scope
    ) throws(TemplateError) -> TemplateValue {
        guard case .string(let offset)? = try render(node, scope) else {
            throw TemplateError(.template, "$fromNow expects a string")
        }
        guard let from else { return try time(offset, after: nil, scope) }
        return try time(offset, after: try render(from, scope), scope)
    }

    /// The time so long after a reference, which is what `now` means in the scope where there is none.
    private mutating func time(
        _ offset: String, after reference: TemplateValue?, _ scope: Scope
    ) throws(TemplateError) -> TemplateValue {
        try budget.spend(lookedUpBytes: offset.utf8.count)
        guard let delta = TimeOffset.milliseconds(offset) else {
            throw TemplateError(.template, "offset string: '\(offset)' does not parse")
        }
        let start = if let reference { Optional(reference) } else { try lookUp(.now, scope) }
        try budget.spend(Instant.steps)
        guard case .string(let start)? = start, let instant = Instant(start) else {
            throw TemplateError(.template, "the time to count from is not written like 2017-01-19T16:27:20.974Z")
        }
        guard let result = instant.advanced(byMilliseconds: delta) else {
            throw TemplateError(.template, "offset string: '\(offset)' leaves the years 1 to 9999")
        }
        return .string(result.description)
    }
}
