/// Writes values as compact JSON in UTF-8: members in their order, numbers in their own spelling.
package enum JSONSerializer {
    package static func bytes(_ value: JSONValue) -> [UInt8] {
        var output: [UInt8] = []
        write(value, to: &output)
        return output
    }

    package static func text(_ value: JSONValue) -> String { String(decoding: bytes(value), as: UTF8.self) }

    /// Indents by two spaces a level, for files that people read.
    package static func pretty(_ value: JSONValue) -> String {
        var output: [UInt8] = []
        writePretty(value, indent: 0, to: &output)
        return String(decoding: output, as: UTF8.self)
    }

    /// A string as a JSON literal, quotes included.
    package static func quoted(_ text: String) -> String {
        var output: [UInt8] = []
        write(string: text, to: &output)
        return String(decoding: output, as: UTF8.self)
    }

    private static func write(_ value: JSONValue, to output: inout [UInt8]) {
        switch value {
        case .array(let elements):
            writeList(elements, open: "[", close: "]", to: &output) { write($0, to: &$1) }
        case .object(let object):
            writeList(object.members, open: "{", close: "}", to: &output) { member, output in
                write(string: member.key, to: &output)
                output.append(UInt8(ascii: ":"))
                write(member.value, to: &output)
            }
        default: write(scalar: value, to: &output)
        }
    }

    private static func write(scalar value: JSONValue, to output: inout [UInt8]) {
        switch value {
        case .null: output.append(contentsOf: "null".utf8)
        case .bool(let value): output.append(contentsOf: (value ? "true" : "false").utf8)
        case .number(let number): output.append(contentsOf: number.text.utf8)
        case .string(let text): write(string: text, to: &output)
        case .array, .object: write(value, to: &output)
        }
    }

    private static func writeList<Element>(
        _ elements: [Element], open: Unicode.Scalar, close: Unicode.Scalar, to output: inout [UInt8],
        each: (Element, inout [UInt8]) -> Void
    ) {
        output.append(UInt8(ascii: open))
        for (index, element) in elements.enumerated() {
            if index > 0 { output.append(UInt8(ascii: ",")) }
            each(element, &output)
        }
        output.append(UInt8(ascii: close))
    }

    private static func writePretty(_ value: JSONValue, indent: Int, to output: inout [UInt8]) {
        func newLine(_ levels: Int, _ output: inout [UInt8]) {
            output.append(UInt8(ascii: "\n"))
            output.append(contentsOf: repeatElement(UInt8(ascii: " "), count: 2 * levels))
        }
        switch value {
        case .array(let elements) where !elements.isEmpty:
            writeList(elements, open: "[", close: "\n", to: &output) { element, output in
                newLine(indent + 1, &output)
                writePretty(element, indent: indent + 1, to: &output)
            }
            output.append(contentsOf: repeatElement(UInt8(ascii: " "), count: 2 * indent))
            output.append(UInt8(ascii: "]"))
        case .object(let object) where !object.members.isEmpty:
            writeList(object.members, open: "{", close: "\n", to: &output) { member, output in
                newLine(indent + 1, &output)
                write(string: member.key, to: &output)
                output.append(contentsOf: ": ".utf8)
                writePretty(member.value, indent: indent + 1, to: &output)
            }
            output.append(contentsOf: repeatElement(UInt8(ascii: " "), count: 2 * indent))
            output.append(UInt8(ascii: "}"))
        default: write(value, to: &output)
        }
    }

    /// RFC 8259 section 7: quotation mark, reverse solidus and U+0000 to U+001F are escaped, all else is literal.
    package static func write(string text: String, to output: inout [UInt8]) {
        output.append(UInt8(ascii: "\""))
        if isPlain(text) { output.append(contentsOf: text.utf8) } else { escape(text, to: &output) }
        output.append(UInt8(ascii: "\""))
    }

    /// Whether nothing is to be escaped, as in most texts: they are copied as a whole.
    private static func isPlain(_ text: String) -> Bool {
        let bytes = text.utf8Span.span
        var special: UInt8 = 0
        // Without a way out of the loop the compiler makes it look at many bytes in one step.
        for index in bytes.indices {
            let byte = bytes[index]
            special |= byte < 0x20 ? 1 : 0
            special |= byte == UInt8(ascii: "\"") ? 1 : 0
            special |= byte == UInt8(ascii: "\\") ? 1 : 0
        }
        return special == 0
    }

    private static func escape(_ text: String, to output: inout [UInt8]) {
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""): output.append(contentsOf: "\\\"".utf8)
            case UInt8(ascii: "\\"): output.append(contentsOf: "\\\\".utf8)
            case 0x0A: output.append(contentsOf: "\\n".utf8)
            case 0x0D: output.append(contentsOf: "\\r".utf8)
            case 0x09: output.append(contentsOf: "\\t".utf8)
            case 0..<0x20:
                let digits = Array("0123456789abcdef".utf8)
                output.append(contentsOf: "\\u00".utf8)
                output.append(digits[Int(byte >> 4)])
                output.append(digits[Int(byte & 15)])
            default: output.append(byte)
            }
        }
    }
}
