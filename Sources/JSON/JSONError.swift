/// Why a text is not the JSON that we accept, and where.
package struct JSONError: Error, Sendable, Equatable {
    package enum Kind: Sendable, Equatable {
        case unexpectedEnd
        case unexpected(UInt8, wanted: String)
        case trailingText
        case trailingComma
        case comment
        case byteOrderMark
        case invalidUTF8
        case loneSurrogate
        case badEscape
        case controlCharacter
        case badNumber
        case tooDeep(limit: Int)
        case tooLarge(limit: Int)
        case duplicateKey(String)
    }

    package let kind: Kind
    /// Byte offset in the text.
    package let offset: Int

    package init(_ kind: Kind, offset: Int) {
        self.kind = kind
        self.offset = offset
    }

    /// One line in plain words, with the fix where there is one to name.
    package var message: String {
        switch kind {
        case .unexpectedEnd: "the text ends too early: a closing bracket, brace or quote is missing"
        case .unexpected(let byte, let wanted): "expected \(wanted), found \(JSONError.name(of: byte))"
        case .trailingText: "text after the end of the JSON value"
        case .trailingComma: "a comma before the closing bracket: remove it"
        case .comment: "JSON has no comments: remove this one"
        case .byteOrderMark: "the file starts with a byte order mark: save it as UTF-8 without BOM"
        case .invalidUTF8: "not valid UTF-8: save the file as UTF-8"
        case .loneSurrogate: "half of a surrogate pair in a \\u escape"
        case .badEscape: "unknown escape: JSON knows \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX"
        case .controlCharacter: "a control character in a string: write it as an escape (a line break is \\n)"
        case .badNumber: "not a JSON number"
        case .tooDeep(let limit): "nested deeper than \(limit) levels"
        case .tooLarge(let limit): "larger than \(limit) bytes"
        case .duplicateKey(let key): "the key \(JSONSerializer.quoted(key)) stands here twice"
        }
    }

    private static func name(of byte: UInt8) -> String {
        switch byte {
        case 0x21...0x7E: "'\(Character(UnicodeScalar(byte)))'"
        default: "byte 0x" + String(byte, radix: 16, uppercase: true)
        }
    }
}

/// Bounds on what the parser accepts.
package struct JSONLimits: Sendable {
    /// Objects and arrays inside each other; 64 by the product's rule; more than 128 counts as 128.
    package var depth = 64
    /// Bytes of the whole text.
    package var size = 16 * 1024 * 1024
    /// Whether a key that stands twice in an object ends the parse; where not, the visitor is told instead.
    package var refusesDuplicates = true

    package init() {}
}

/// Line and column, from 1; a column is one Unicode scalar, as editors count.
package struct SourcePosition: Sendable, Equatable, CustomStringConvertible {
    package let line: Int
    package let column: Int

    package init(line: Int, column: Int) {
        self.line = line
        self.column = column
    }

    /// Finds the place of a byte offset in a text.
    package init(of offset: Int, in bytes: [UInt8]) {
        let before = bytes.prefix(offset)
        let lineStart = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        line = 1 + before.count { $0 == UInt8(ascii: "\n") }
        column = 1 + bytes[lineStart..<before.endIndex].count { $0 & 0xC0 != 0x80 }
    }

    package var description: String { "\(line):\(column)" }
}
