/// Splits texts at `${expression}`; `$${` stands for `${`.
enum Interpolation {
    /// The parts of a text, or nil where nothing in it is to be rendered.
    static func parts(of text: String) throws(TemplateError) -> [TextPart]? {
        guard text.utf8.contains(UInt8(ascii: "$")) else { return nil }
        let source = Array(text.utf8)
        var parts: [TextPart] = []
        var literal: [UInt8] = []
        var index = 0
        while index < source.count {
            if source[index...].starts(with: "$${".utf8) {
                literal.append(contentsOf: "${".utf8)
                index += 3
            } else if source[index...].starts(with: "${".utf8) {
                let (node, end) = try ExpressionParser.interpolation(in: source, from: index + 2)
                add(&literal, to: &parts)
                let written = String(decoding: source[(index + 2)..<(end - 1)], as: UTF8.self)
                parts.append(.expression(node, source: written))
                index = end
            } else {
                literal.append(source[index])
                index += 1
            }
        }
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
        for part in parts {
            let piece =
                switch part {
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
