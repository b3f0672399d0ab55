import JSON

/// Parses expressions by precedence climbing.
///
/// One rule is wider than JSON-e's own: `!a.b` negates `a.b`. JSON-e reads `(!a).b`, which can only fail.
struct ExpressionParser {
    /// Brackets and signs inside each other; bounds this parser's own recursion and the evaluator's.
    private static let mostDepth = 100
    /// Tokens in one text of a template. Bounds the time to load a routes file.
    private static let mostTokens = 20_000

    private var lexer: Lexer
    private var current: Token?
    private var depth = 0
    private var tokens: Int

    private init(_ source: [UInt8], from start: Int, tokens: Int) throws(TemplateError) {
        self.tokens = tokens
        lexer = Lexer(source, from: start)
        current = try lexer.next()
    }

    /// Parses a source that is one expression and nothing else.
    static func parse(_ source: String) throws(TemplateError) -> ExpressionNode {
        var parser = try ExpressionParser(Array(source.utf8), from: 0, tokens: 0)
        let node = try parser.expression()
        if let rest = parser.current { throw TemplateError.unexpected(rest, wanted: behindValue) }
        return node
    }

    /// Parses an expression up to the brace that closes an interpolation.
    /// - Parameter tokens: how many have been read in this text.
    /// - Returns: the expression and the byte offset behind the brace.
    static func interpolation(
        in source: [UInt8], from start: Int, tokens: inout Int
    ) throws(TemplateError) -> (node: ExpressionNode, end: Int) {
        var parser = try ExpressionParser(source, from: start, tokens: tokens)
        guard parser.current != nil else { throw .unterminated }
        let node = try parser.expression()
        guard let brace = parser.current else { throw .unterminated }
        guard brace.kind == .symbol(.closeObject) else { throw .unexpected(brace, wanted: behindValue) }
        tokens = parser.tokens + 1
        return (node, brace.end)
    }

    private mutating func expression(_ lowest: Int = 0) throws(TemplateError) -> ExpressionNode {
        var left = try unary()
        var chain: [(operation: BinaryOperator, operand: ExpressionNode)] = []
        while let operation = binaryOperator(), operation.precedence >= lowest {
            if let last = chain.last, last.operation.precedence != operation.precedence {
                left = .chain(left, chain)
                chain = []
            }
            try advance()
            chain.append((operation, try operand(of: operation)))
        }
        return chain.isEmpty ? left : .chain(left, chain)
    }

    /// What stands to the right of an operator; `**` alone binds to the right.
    private mutating func operand(of operation: BinaryOperator) throws(TemplateError) -> ExpressionNode {
        guard operation == .power else { return try expression(operation.precedence + 1) }
        try enter()
        defer { depth -= 1 }
        return try expression(operation.precedence)
    }

    private mutating func unary() throws(TemplateError) -> ExpressionNode {
        guard case .symbol(let symbol) = current?.kind, let operation = UnaryOperator(rawValue: symbol.rawValue) else {
            return try accesses()
        }
        try enter()
        defer { depth -= 1 }
        try advance()
        return .unary(operation, try unary())
    }

    private mutating func accesses() throws(TemplateError) -> ExpressionNode {
        let base = try primary()
        var accessors: [Accessor] = []
        while case .symbol(let symbol) = current?.kind {
            switch symbol {
            case .dot:
                try advance()
                accessors.append(.member(FieldKey(try take(.identifier, wanted: "identifier").text)))
            case .openList: accessors.append(try bracket())
            case .open: accessors.append(.call(try elements(until: .close)))
            default: return accessors.isEmpty ? base : .access(base, accessors)
            }
        }
        return accessors.isEmpty ? base : .access(base, accessors)
    }

    /// `[index]`, `[from:to]`, `[from:]`, `[:to]` or `[:]`.
    private mutating func bracket() throws(TemplateError) -> Accessor {
        try enter()
        defer { depth -= 1 }
        try advance()
        let from = isAt(.colon) ? nil : try expression()
        guard isAt(.colon) else {
            try take(.closeList)
            return .index(from ?? .literal(.null))
        }
        try advance()
        let to = isAt(.closeList) ? nil : try expression()
        try take(.closeList)
        return .slice(from: from, to: to)
    }
}

// MARK: - Values

extension ExpressionParser {
    private mutating func primary() throws(TemplateError) -> ExpressionNode {
        guard let token = current else { throw .unexpectedEnd }
        switch token.kind {
        case .number: return try literal(.number(TemplateNumber(number(token.text))))
        case .string: return try literal(.string(String(token.text.dropFirst().dropLast())))
        case .identifier:
            try advance()
            return .name(FieldKey(token.text), builtin: Builtin(rawValue: token.text))
        case .symbol(.true): return try literal(.bool(true))
        case .symbol(.false): return try literal(.bool(false))
        case .symbol(.null): return try literal(.null)
        case .symbol(.openList): return .list(try elements(until: .closeList))
        case .symbol(.openObject): return try object()
        case .symbol(.open): return try group()
        case .symbol: throw .unexpected(token, wanted: ExpressionParser.startOfValue)
        }
    }

    private mutating func literal(_ value: TemplateValue) throws(TemplateError) -> ExpressionNode {
        try advance()
        return .literal(value)
    }

    /// A literal in JSON's spelling: leading zeroes mean nothing.
    private func number(_ text: String) -> JSONNumber {
        let significant = text.drop { $0 == "0" }
        let startsWhole = significant.first?.isNumber ?? false
        return JSONNumber(text: startsWhole ? String(significant) : "0" + significant) ?? JSONNumber(0)
    }

    private mutating func group() throws(TemplateError) -> ExpressionNode {
        try enter()
        defer { depth -= 1 }
        try advance()
        let node = try expression()
        try take(.close)
        return node
    }

    /// The expressions between brackets, the opening one being current.
    private mutating func elements(until end: Symbol) throws(TemplateError) -> [ExpressionNode] {
        try enter()
        defer { depth -= 1 }
        try advance()
        var elements: [ExpressionNode] = []
        if !isAt(end) { elements.append(try expression()) }
        while isAt(.comma) {
            try advance()
            elements.append(try expression())
        }
        try take(end)
        return elements
    }

    /// `{name: value, "key": value}`; one comma may stand behind the last.
    private mutating func object() throws(TemplateError) -> ExpressionNode {
        try enter()
        defer { depth -= 1 }
        try advance()
        var members: [(key: String, value: ExpressionNode)] = []
        while let key = current, key.kind == .identifier || key.kind == .string {
            try advance()
            try take(.colon)
            let name = key.kind == .string ? String(key.text.dropFirst().dropLast()) : key.text
            members.append((name, try expression()))
            if isAt(.closeObject) { break }
            try take(.comma)
        }
        try take(.closeObject)
        return .object(members)
    }
}

// MARK: - Tokens

extension ExpressionParser {
    private static let startOfValue = "!, (, +, -, [, false, identifier, null, number, string, true, {"
    private static let behindValue = "!=, &&, (, *, **, +, -, ., /, <, <=, ==, >, >=, [, in, ||"

    private mutating func advance() throws(TemplateError) {
        tokens += 1
        guard tokens <= ExpressionParser.mostTokens else {
            throw TemplateError(.syntax, "more than \(ExpressionParser.mostTokens) tokens in one text")
        }
        current = try lexer.next()
    }

    private func isAt(_ symbol: Symbol) -> Bool { current?.kind == .symbol(symbol) }

    private mutating func take(_ symbol: Symbol) throws(TemplateError) {
        _ = try take(.symbol(symbol), wanted: symbol.rawValue)
    }

    private mutating func take(_ kind: Token.Kind, wanted: String) throws(TemplateError) -> Token {
        guard let token = current else { throw .unexpectedEnd }
        guard token.kind == kind else { throw .unexpected(token, wanted: wanted) }
        try advance()
        return token
    }

    private func binaryOperator() -> BinaryOperator? {
        guard case .symbol(let symbol) = current?.kind else { return nil }
        return BinaryOperator(symbol)
    }

    private mutating func enter() throws(TemplateError) {
        depth += 1
        guard depth <= ExpressionParser.mostDepth else {
            throw TemplateError(.syntax, "nested deeper than \(ExpressionParser.mostDepth) levels")
        }
    }
}

extension TemplateError {
    static var unexpectedEnd: TemplateError { TemplateError(.syntax, "Unexpected end of input") }

    static var unterminated: TemplateError { TemplateError(.syntax, "unterminated ${..} expression") }

    static func unexpected(_ token: Token, wanted: String) -> TemplateError {
        TemplateError(
            .syntax, "Found: \(token.text) token, expected one of: \(wanted)",
            position: token.end - token.text.utf8.count)
    }
}
