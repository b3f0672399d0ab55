/// One word of an expression.
struct Token {
    enum Kind: Equatable {
        case number
        case string
        case identifier
        /// `true`, `false`, `null`, `in`, an operator or a bracket.
        case symbol(Symbol)
    }

    let kind: Kind
    let text: String
    /// Byte offset behind the token.
    let end: Int
}

/// The operators, brackets and keywords; the raw value is how they are written.
enum Symbol: String, CaseIterable {
    case not = "!"
    case notEqual = "!="
    case and = "&&"
    case open = "("
    case close = ")"
    case times = "*"
    case power = "**"
    case plus = "+"
    case comma = ","
    case minus = "-"
    case dot = "."
    case over = "/"
    case colon = ":"
    case less = "<"
    case lessOrEqual = "<="
    case equal = "=="
    case greater = ">"
    case greaterOrEqual = ">="
    case openList = "["
    case closeList = "]"
    case openObject = "{"
    case closeObject = "}"
    case or = "||"
    case `in` = "in"
    case `true` = "true"
    case `false` = "false"
    case null = "null"

    /// The symbols that are no words, by their one or two bytes.
    private static let table = Dictionary(
        uniqueKeysWithValues: allCases.filter { !Name.isValid($0.rawValue) }.map { (key($0.rawValue.utf8), $0) })

    private static func key(_ bytes: some Sequence<UInt8>) -> UInt16 { bytes.reduce(0) { $0 << 8 | UInt16($1) } }

    /// The symbol that is written by these bytes alone.
    init?(_ bytes: ArraySlice<UInt8>) {
        guard let symbol = Symbol.table[Symbol.key(bytes)] else { return nil }
        self = symbol
    }
}

/// Splits an expression into tokens, one at a time.
struct Lexer {
    private let source: [UInt8]
    private let start: Int
    private var index: Int

    /// - Parameter start: byte offset of the expression in the source; it may end before the source does.
    init(_ source: [UInt8], from start: Int) {
        self.source = source
        self.start = start
        index = start
    }

    /// The next token, or nil at the end of the source.
    mutating func next() throws(TemplateError) -> Token? {
        while index < source.count, source[index] == 0x20 || source[index] &- 9 < 5 { index += 1 }
        guard index < source.count else { return nil }
        let first = index
        let byte = source[index]
        if byte &- UInt8(ascii: "0") < 10 { return number() }
        if Name.starts(byte) { return word() }
        if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'"), let token = string(byte) { return token }
        for length in [2, 1] where first + length <= source.count {
            guard let symbol = Symbol(source[first..<first + length]) else { continue }
            index += length
            return token(.symbol(symbol), from: first)
        }
        let (whole, rest) = (text(start..<source.count), text(first..<source.count))
        throw TemplateError(.syntax, "Unexpected input for '\(whole)' at '\(rest)'", position: first)
    }

    private mutating func number() -> Token {
        let first = index
        skipDigits()
        if index + 1 < source.count, source[index] == UInt8(ascii: "."), source[index + 1] &- UInt8(ascii: "0") < 10 {
            index += 1
            skipDigits()
        }
        return token(.number, from: first)
    }

    private mutating func skipDigits() {
        while index < source.count, source[index] &- UInt8(ascii: "0") < 10 { index += 1 }
    }

    private mutating func word() -> Token {
        let first = index
        while index < source.count, Name.continues(source[index]) { index += 1 }
        switch text(first..<index) {
        case "true": return token(.symbol(.true), from: first)
        case "false": return token(.symbol(.false), from: first)
        case "null": return token(.symbol(.null), from: first)
        case "in": return token(.symbol(.in), from: first)
        default: return token(.identifier, from: first)
        }
    }

    /// A text between quotes, in which nothing is escaped; nil where the closing quote is missing.
    private mutating func string(_ quote: UInt8) -> Token? {
        guard let end = source[(index + 1)...].firstIndex(of: quote) else { return nil }
        let first = index
        index = end + 1
        return token(.string, from: first)
    }

    private func token(_ kind: Token.Kind, from first: Int) -> Token {
        Token(kind: kind, text: text(first..<index), end: index)
    }

    private func text(_ range: Range<Int>) -> String { String(decoding: source[range], as: UTF8.self) }
}
