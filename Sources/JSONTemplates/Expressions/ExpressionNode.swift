/// A parsed expression.
indirect enum ExpressionNode: Sendable {
    case literal(TemplateValue)
    case name(FieldKey, builtin: Builtin?)
    case list([ExpressionNode])
    case object([(key: String, value: ExpressionNode)])
    case unary(UnaryOperator, ExpressionNode)
    /// Operators of one precedence, applied from left to right: a long sum is evaluated in a loop.
    case chain(ExpressionNode, [(operation: BinaryOperator, operand: ExpressionNode)])
    case access(ExpressionNode, [Accessor])
}

/// What stands behind a value and takes something out of it.
enum Accessor: Sendable {
    case member(FieldKey)
    case index(ExpressionNode)
    case slice(from: ExpressionNode?, to: ExpressionNode?)
    case call([ExpressionNode])
}

enum UnaryOperator: String, Sendable {
    case not = "!"
    case plus = "+"
    case minus = "-"
}

enum BinaryOperator: String, Sendable, CaseIterable {
    case or = "||"
    case and = "&&"
    case `in` = "in"
    case equal = "=="
    case notEqual = "!="
    case less = "<"
    case lessOrEqual = "<="
    case greater = ">"
    case greaterOrEqual = ">="
    case plus = "+"
    case minus = "-"
    case times = "*"
    case over = "/"
    case power = "**"

    private static let table = Dictionary(
        uniqueKeysWithValues: allCases.compactMap { operation in
            Symbol(rawValue: operation.rawValue).map { ($0, operation) }
        })

    init?(_ symbol: Symbol) {
        guard let operation = BinaryOperator.table[symbol] else { return nil }
        self = operation
    }

    /// How strongly it binds: `||` least.
    var precedence: Int {
        switch self {
        case .or: 0
        case .and: 1
        case .in: 2
        case .equal, .notEqual: 3
        case .less, .lessOrEqual, .greater, .greaterOrEqual: 4
        case .plus, .minus: 5
        case .times, .over: 6
        case .power: 7
        }
    }
}
