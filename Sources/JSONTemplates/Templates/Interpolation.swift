/// Splits texts at `${expression}`; `$${` stands for `${`.
enum Interpolation {
    /// The parts of a text, or nil where nothing in it is to be rendered.
    static func parts(of text: String) throws(TemplateError) -> [TextPart]? {
        guard text.utf8.contains(UInt8(ascii: "$")) else { return nil }
        let source = Array(text.utf8)
        var parts: [TextPart] = []
        var literal: [UInt8] = []
        var (index, tokens) = (0, 0)
        while let dollar = source[index...].firstIndex(of: UInt8(ascii: "$")) {
            literal += source[index..<dollar]
            let next = source[(dollar + 1)...].prefix(2)
            if next.first == UInt8(ascii: "$"), next.last == UInt8(ascii: "{") {
                literal += Array("${".utf8)
                index = dollar + 3
            } else if next.first == UInt8(ascii: "{") {
                let (node, end) = try ExpressionParser.interpolation(in: source, from: dollar + 2, tokens: &tokens)
                add(&literal, to: &parts)
                let written = String(decoding: source[(dollar + 2)..<(end - 1)], as: UTF8.self)
                parts.append(.expression(node, source: written))
                index = end
            } else {
                literal.append(source[dollar])
                index = dollar + 1
            }
        }
        literal += source[index...]
        if parts.isEmpty, literal == source { return nil }
        add(&literal, to: &parts)
        return parts
    }

    private static func add(_ literal: inout [UInt8], to parts: inout [TextPart]) {
        if !literal.isEmpty { parts.append(.literal(String(decoding: literal, as: UTF8.self))) }
        literal.removeAll()
    }
}

extension Renderer {
    mutating func text(_ parts: [TextPart], _ scope: Scope) throws(TemplateError) -> String {
        var text = ""
        for index in parts.indices {
            let piece =
                switch parts[index] {
                case .literal(let literal): literal
                case .expression(let node, let source): try interpolate(try evaluate(node, scope), source)
                }
            try budget.checkSize(text.utf8.count + piece.utf8.count)
            try budget.spend(bytes: piece.utf8.count)
            text += piece
        }
        return text
    }

    private func interpolate(_ value: TemplateValue, _ source: String) throws(TemplateError) -> String {
        if case .null = value { return "" }
        if let text = value.scalarText { return text }
        let kind = if case .function = value { "a function" } else { "an array or object" }
        throw TemplateError(.template, "interpolation of '\(source)' produced \(kind)")
    }
}
