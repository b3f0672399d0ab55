extension HostFunctions {
    /// `line(text, n)`: one line of at most n characters, the last of them `…` where some are left out.
    ///
    /// What a person typed is to stand in a line of ours and change nothing around it: white space and control
    /// characters become one space, and invisible characters, such as those that turn the direction of text, go. The
    /// joiners stay, which scripts and emoji need.
    static let plainLine = HostFunction("line") { budget, arguments throws(TemplateError) in
        guard arguments.count == 2, let text = text(arguments[0]), case .number(let number) = arguments[1],
            let most = number.wholeNumber, most > 0
        else { throw .badArguments("line", "expected a text and a number above 0") }
        try budget.makeText(bytes: text.utf8.count)
        let line = try PlainLine.of(text, most: most) { () throws(TemplateError) in try budget.spend() }
        return .string(line)
    }
}

/// A line in the making.
package struct PlainLine {
    /// One line of at most so many characters, the last of them `…` where some are left out, that changes nothing
    /// around it.
    package static func of(_ text: String, most: Int) -> String { of(text, most: most) { () throws(Never) in } }

    /// - Parameter pay: called for 4 characters that are looked up in tables, or 64 of ASCII.
    fileprivate static func of<Failure: Error>(
        _ text: String, most: Int, pay: () throws(Failure) -> Void
    ) throws(Failure) -> String {
        if isOne(text, most) { return text }
        var line = PlainLine(most: most)
        var work = 0
        for scalar in text.unicodeScalars {
            work += scalar.isASCII ? 1 : 16
            if work >= 64 {
                work -= 64
                try pay()
            }
            line.add(scalar)
            if line.isCut { break }
        }
        return line.text
    }

    /// Characters at most.
    let most: Int
    private var scalars: [Unicode.Scalar] = []
    private var owesSpace = false
    private var isCut = false

    private init(most: Int) { self.most = most }

    /// Whether a text is such a line already, as most are; told without looking up what a character is.
    private static func isOne(_ text: String, _ most: Int) -> Bool {
        let bytes = text.utf8Span.span
        guard bytes.count <= most else { return false }
        // As if a space stood before it.
        var last: UInt8 = 0x20
        for index in bytes.indices {
            let byte = bytes[index]
            guard 0x20...0x7E ~= byte, byte != 0x20 || last != 0x20 else { return false }
            last = byte
        }
        return bytes.isEmpty || last != 0x20
    }

    private mutating func add(_ scalar: Unicode.Scalar) {
        if "!"..."~" ~= scalar { return addVisible(scalar) }
        if scalar == " " { return owesSpace = !scalars.isEmpty }
        switch scalar.properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator, .spaceSeparator:
            owesSpace = !scalars.isEmpty
        case .format where scalar != "\u{200C}" && scalar != "\u{200D}": break
        default: addVisible(scalar)
        }
    }

    private mutating func addVisible(_ scalar: Unicode.Scalar) {
        if owesSpace { append(" ") }
        owesSpace = false
        append(scalar)
    }

    private mutating func append(_ scalar: Unicode.Scalar) {
        if scalars.count < most { scalars.append(scalar) } else { isCut = true }
    }

    private var text: String {
        var view = String.UnicodeScalarView()
        view.append(contentsOf: isCut ? scalars.dropLast() : scalars[...])
        return isCut ? String(view) + "…" : String(view)
    }
}
