/// The name of a directory entry as the kernel knows it: any bytes but NUL and '/', not always UTF-8.
package struct FileName: Sendable, Hashable {
    let bytes: [UInt8]

    init(bytes: [UInt8]) { self.bytes = bytes }

    init(_ text: String) { bytes = Array(text.utf8) }

    /// For people: bytes that are not UTF-8 are replaced, and control characters too, since they steer terminals.
    package var display: String { printable(bytes) }

    /// Hidden entries are those of editors and our own unfinished files.
    var isHidden: Bool { bytes.first == UInt8(ascii: ".") }

    /// The name of this file until it is whole.
    var unfinished: FileName { FileName(bytes: Array(".".utf8) + bytes + Array(".tmp".utf8)) }

    /// Whether it is the name of a letter that is not whole yet.
    var isOfUnfinishedLetter: Bool { isHidden && hasSuffix(".json.tmp") }

    func hasSuffix(_ suffix: String) -> Bool { bytes.suffix(suffix.utf8.count).elementsEqual(suffix.utf8) }

    /// The name followed by a NUL, for C.
    var cString: [CChar] { bytes.map { CChar(bitPattern: $0) } + [0] }
}

/// UTF-8 with all that is invalid or a control character replaced by U+FFFD.
func printable(_ bytes: some Collection<UInt8>) -> String {
    var text = String.UnicodeScalarView()
    for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars {
        text.append(scalar.properties.generalCategory == .control ? "\u{FFFD}" : scalar)
    }
    return String(text)
}
