import EventPatterns

/// How messages write what stands in the file.
enum Words {
    /// In quotes, at most 60 scalars, with everything escaped that could move a terminal's cursor or turn its text.
    static func quoted(_ text: String) -> String {
        let scalars = text.unicodeScalars
        let shown = scalars.prefix(60).map { $0 == "\"" || $0 == "\\" ? "\\\($0)" : visible($0) }.joined()
        return "\"\(shown)\(scalars.count > 60 ? "…" : "")\""
    }

    private static func visible(_ scalar: Unicode.Scalar) -> String {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned:
            "\\u{" + String(scalar.value, radix: 16) + "}"
        default: String(scalar)
        }
    }

    /// The text with all escaped that would break its line or move a terminal's cursor.
    static func oneLine(_ text: String) -> String { text.unicodeScalars.map(visible).joined() }

    /// `"a", "b" or "c"`.
    static func choice(_ words: [String]) -> String {
        let quoted = words.map(quoted)
        guard let last = quoted.last, quoted.count > 1 else { return quoted.first ?? "" }
        return quoted.dropLast().joined(separator: ", ") + " or " + last
    }

    /// The first ten, in quotes.
    static func list(_ words: [String]) -> String {
        words.prefix(10).map(quoted).joined(separator: ", ") + (words.count > 10 ? ", …" : "")
    }

    /// `, did you mean "timeout"?`, or nothing where no candidate is near.
    static func suggestion(for word: String, among candidates: some Sequence<String>) -> String {
        nearest(to: word, among: candidates).map { ", did you mean \(quoted($0))?" } ?? ""
    }

    /// The candidate that was probably meant, among the first thousand.
    static func nearest(to word: String, among candidates: some Sequence<String>) -> String? {
        Spelling.nearest(to: word, among: Array(candidates.prefix(1000)))
    }
}
