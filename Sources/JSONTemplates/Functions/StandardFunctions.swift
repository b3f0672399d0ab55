import JSON

/// The functions for destinations which need neither a clock nor a calendar nor a hash.
///
/// Where a text is wanted, numbers and booleans are written as text, and null is the empty text.
extension HostFunctions {
    package static let standard = HostFunctions([
        choice, wholeNumber, capitals, span, shortened, plainLine, text,
        escape("urlencode", Escapes.reserved, Escapes.urlencode), escape("mrkdwn", Escapes.controls, Escapes.mrkdwn),
        escape("markdown", Escapes.marks, Escapes.markdown), escape("html", Escapes.special, Escapes.html),
    ])

    /// `default(a, b, …)`: the first that is neither null nor the empty text, else the last.
    private static let choice = HostFunction("default") { budget, arguments throws(TemplateError) in
        guard let last = arguments.last else { throw .badArguments("default", "expected at least 1 argument") }
        for argument in arguments {
            switch argument {
            case .null: continue
            case .string(let text) where text.isEmpty: continue
            default: return argument
            }
        }
        return last
    }

    /// `whole(value)`: a whole number, also where it is written as a text; null for all else.
    private static let wholeNumber = HostFunction("whole") { budget, arguments throws(TemplateError) in
        guard arguments.count == 1 else { throw .badArguments("whole", "expected 1 argument") }
        try budget.spend(bytes: arguments[0].size)
        let number: TemplateNumber? =
            switch arguments[0] {
            case .number(let number): number
            case .string(let text): JSONNumber(text: text).map { TemplateNumber($0) }
            default: nil
            }
        if case .literal(let digits)? = number, digits.int64 != nil { return .number(.literal(digits)) }
        return number?.wholeNumber.map { .number($0) } ?? .null
    }

    /// `title(text)`: each word begins with a capital letter.
    private static let capitals = HostFunction("title") { budget, arguments throws(TemplateError) in
        let text = try onlyText(arguments, "title")
        // No letter becomes longer than three.
        try budget.makeText(bytes: 3 * text.utf8.count)
        try budget.spend(lookedUpBytes: text.utf8.count)
        // Of the view, `append(contentsOf:)` would take a time that grows with all that is there.
        var titled = ""
        var startsWord = true
        for scalar in text.unicodeScalars {
            if startsWord {
                titled += scalar.properties.titlecaseMapping
            } else {
                titled.unicodeScalars.append(scalar)
            }
            startsWord = scalar.properties.isWhitespace
        }
        return .string(titled)
    }

    /// `duration(seconds)`: `1 h 2 min 3 s`, without the parts that are 0.
    private static let span = HostFunction("duration") { budget, arguments throws(TemplateError) in
        guard arguments.count == 1, case .number(let number) = arguments[0], number.double >= 0,
            number.double <= 0x1p53
        else { throw .badArguments("duration", "expected a number of seconds") }
        let seconds = Int(number.double)
        if seconds == 0 { return .string("0 s") }
        var text = ""
        func write(_ count: Int, _ unit: String) {
            if count == 0 { return }
            if !text.isEmpty { text += " " }
            text += String(count)
            text += unit
        }
        write(seconds / 3600, " h")
        write(seconds / 60 % 60, " min")
        write(seconds % 60, " s")
        return .string(text)
    }

    /// `truncate(text, n)`: at most n characters, the last of them `…` where some are left out.
    private static let shortened = HostFunction("truncate") { budget, arguments throws(TemplateError) in
        guard arguments.count == 2, let text = text(arguments[0]), case .number(let number) = arguments[1],
            let most = number.wholeNumber, most > 0
        else { throw .badArguments("truncate", "expected a text and a number above 0") }
        try budget.makeText(bytes: text.utf8.count)
        return .string(text.scalarCount <= most ? text : text.scalars(0..<most - 1) + "…")
    }

    /// `json(value)`: compact JSON, members in their order.
    private static let text = HostFunction("json") { budget, arguments throws(TemplateError) in
        guard arguments.count == 1 else { throw .badArguments("json", "expected 1 argument") }
        var json = JSONOutput()
        try json.write(arguments[0], &budget)
        return .string(json.text)
    }

    /// A function that writes some bytes of a text in another way.
    private static func escape(
        _ name: String, _ special: ByteSet, _ escape: @escaping @Sendable (UInt8, inout [UInt8]) -> Void
    ) -> HostFunction {
        HostFunction(name) { budget, arguments throws(TemplateError) in
            let text = try onlyText(arguments, name)
            try budget.spend(bytes: text.utf8.count)
            if !special.meets(text) { return .string(text) }
            try budget.spend(lookedUpBytes: 2 * text.utf8.count)
            var escaped: [UInt8] = []
            for byte in text.utf8 { escape(byte, &escaped) }
            try budget.makeText(bytes: escaped.count)
            return .string(String(decoding: escaped, as: UTF8.self))
        }
    }

    private static func onlyText(_ arguments: [TemplateValue], _ name: String) throws(TemplateError) -> String {
        guard arguments.count == 1, let text = text(arguments[0]) else {
            throw .badArguments(name, "expected a text")
        }
        return text
    }

    static func text(_ value: TemplateValue) -> String? {
        if case .null = value { "" } else { value.scalarText }
    }
}

/// How one byte is written; the bytes of other characters than ASCII stay as they are, but in a URL.
private enum Escapes {
    /// All but RFC 3986's unreserved characters (section 2.3).
    static let reserved = ByteSet { !Name.continues($0) && !"-.~".utf8.contains($0) }
    /// Slack's three control characters.
    static let controls = ByteSet { "&<>".utf8.contains($0) }
    static let special = ByteSet { "&<>\"'".utf8.contains($0) }
    /// ASCII punctuation that CommonMark may take for a mark.
    static let marks = ByteSet { "\\`*_{}[]()<>#+-=.!|~&".utf8.contains($0) }

    private static let digits = Array("0123456789ABCDEF".utf8)

    static func urlencode(_ byte: UInt8, to output: inout [UInt8]) {
        if !reserved.contains(byte) { return output.append(byte) }
        output += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
    }

    static func mrkdwn(_ byte: UInt8, to output: inout [UInt8]) {
        switch byte {
        case UInt8(ascii: "&"): output += Array("&amp;".utf8)
        case UInt8(ascii: "<"): output += Array("&lt;".utf8)
        case UInt8(ascii: ">"): output += Array("&gt;".utf8)
        default: output.append(byte)
        }
    }

    static func html(_ byte: UInt8, to output: inout [UInt8]) {
        switch byte {
        case UInt8(ascii: "\""): output += Array("&quot;".utf8)
        case UInt8(ascii: "'"): output += Array("&#39;".utf8)
        default: mrkdwn(byte, to: &output)
        }
    }

    /// CommonMark section 2.4: a backslash before any ASCII punctuation makes it plain.
    static func markdown(_ byte: UInt8, to output: inout [UInt8]) {
        if marks.contains(byte) { output.append(UInt8(ascii: "\\")) }
        output.append(byte)
    }
}

extension TemplateError {
    /// What a host function throws where its arguments do not fit.
    package static func badArguments(_ function: String, _ wanted: String) -> TemplateError {
        TemplateError(.builtin, "invalid arguments to builtin: \(function): \(wanted)")
    }
}
