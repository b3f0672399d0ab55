import func Glibc.pow

/// What unary and binary operators do with values.
extension Renderer {
    func apply(_ operation: UnaryOperator, _ value: TemplateValue) throws(TemplateError) -> TemplateValue {
        if operation == .not { return .bool(!value.isTruthy) }
        guard case .number(let number) = value else {
            throw TemplateError(.interpreter, "unary \(operation.rawValue) expects number")
        }
        return operation == .minus ? .number(try finite(0 - number.double, operation.rawValue)) : value
    }

    mutating func apply(
        _ operation: BinaryOperator, _ left: TemplateValue, _ right: TemplateValue
    ) throws(TemplateError) -> TemplateValue {
        switch operation {
        case .equal: return .bool(try budget.areEqual(left, right))
        case .notEqual: return .bool(try !budget.areEqual(left, right))
        case .in: return .bool(try isIn(left, right))
        case .less: return .bool(try order(operation, left, right) == .before)
        case .lessOrEqual: return .bool(try order(operation, left, right) != .behind)
        case .greater: return .bool(try order(operation, left, right) == .behind)
        case .greaterOrEqual: return .bool(try order(operation, left, right) != .before)
        case .plus:
            if case .string(let left) = left, case .string(let right) = right { return try join(left, right) }
            return try compute(operation, left, right)
        default: return try compute(operation, left, right)
        }
    }

    private mutating func join(_ left: String, _ right: String) throws(TemplateError) -> TemplateValue {
        try budget.makeText(bytes: left.utf8.count + right.utf8.count)
        return .string(left + right)
    }

    private mutating func compute(
        _ operation: BinaryOperator, _ left: TemplateValue, _ right: TemplateValue
    ) throws(TemplateError) -> TemplateValue {
        guard case .number(let left) = left, case .number(let right) = right else {
            throw operation.mismatch(operation == .plus ? "numbers/strings" : "number")
        }
        try budget.spend(bytes: left.size + right.size)
        let result =
            switch operation {
            case .plus: left.double + right.double
            case .minus: left.double - right.double
            case .times: left.double * right.double
            case .power: pow(left.double, right.double)
            default: left.double / right.double
            }
        if operation == .over, right.double == 0 { throw TemplateError(.interpreter, "division by zero") }
        return .number(try finite(result, operation.rawValue))
    }

    private func finite(_ result: Double, _ operation: String) throws(TemplateError) -> TemplateNumber {
        guard let number = TemplateNumber(result) else {
            throw TemplateError(.interpreter, "the result of \(operation) is not a finite number")
        }
        return number
    }

    private mutating func order(
        _ operation: BinaryOperator, _ left: TemplateValue, _ right: TemplateValue
    ) throws(TemplateError) -> Ordering {
        switch (left, right) {
        case (.number(let left), .number(let right)):
            try budget.spend(bytes: left.size + right.size)
            return left.compare(to: right)
        case (.string(let left), .string(let right)):
            try budget.spend(bytes: 2 * min(left.utf8.count, right.utf8.count))
            return Ordering(left, right)
        default: throw operation.mismatch("numbers/strings")
        }
    }

    private mutating func isIn(_ left: TemplateValue, _ right: TemplateValue) throws(TemplateError) -> Bool {
        switch right {
        case .list(let list):
            for element in list.elements where try budget.areEqual(left, element) { return true }
            return false
        case .object(let fields):
            guard case .string(let key) = left else {
                throw TemplateError(.interpreter, "infix: in-object expects string on left side")
            }
            try budget.spend(bytes: key.utf8.count)
            return fields[key] != nil
        case .string(let text):
            guard case .string(let part) = left else {
                throw TemplateError(.interpreter, "infix: in-string expects string on left side")
            }
            try budget.spend(bytes: text.utf8.count + part.utf8.count)
            return TextSearch(part).firstPlace(in: text) != nil
        default:
            throw TemplateError(.interpreter, "infix: in expects Array, string, or object on right side")
        }
    }
}

extension BinaryOperator {
    fileprivate func mismatch(_ kind: String) -> TemplateError {
        TemplateError(.interpreter, "infix: \(rawValue) expects \(kind) \(rawValue) \(kind)")
    }
}
