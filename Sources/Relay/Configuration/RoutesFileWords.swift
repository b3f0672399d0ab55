import JSON

/// How messages write what stands in the file.
enum Words {
    /// In quotes, at most 60 scalars, with everything escaped that could move a terminal's cursor or turn its text.
    static func quoted(_ text: String) -> String {
        let scalars = text.unicodeScalars
        let shown = scalars.prefix(60).map(visible).joined()
        return "\"\(shown)\(scalars.count > 60 ? "…" : "")\""
    }

    private static func visible(_ scalar: Unicode.Scalar) -> String {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned:
            "\\u{" + String(scalar.value, radix: 16) + "}"
        default: scalar == "\"" || scalar == "\\" ? "\\" + String(scalar) : String(scalar)
        }
    }

    /// `"a", "b" or "c"`.
    static func choice(_ words: [String]) -> String {
        let quoted = words.map(quoted)
        guard let last = quoted.last, quoted.count > 1 else { return quoted.first ?? "" }
        return quoted.dropLast().joined(separator: ", ") + " or " + last
    }

    /// `, did you mean "timeout"?`, or nothing where no candidate is near.
    static func suggestion(for word: String, among candidates: some Sequence<String>) -> String {
        nearest(to: word, among: candidates).map { ", did you mean \(quoted($0))?" } ?? ""
    }

    /// The candidate that takes the fewest typing errors to become `word`: at most two, and at most a third of it.
    static func nearest(to word: String, among candidates: some Sequence<String>) -> String? {
        let wanted = Array(word.lowercased().unicodeScalars.prefix(64))
        var best: (candidate: String, distance: Int)?
        for candidate in candidates.prefix(1000) {
            let letters = Array(candidate.lowercased().unicodeScalars.prefix(64))
            let limit = min(2, max(1, max(letters.count, wanted.count) / 3))
            guard abs(letters.count - wanted.count) <= limit else { continue }
            let distance = typingErrors(wanted, letters)
            if distance <= limit, distance < best?.distance ?? .max { best = (candidate, distance) }
        }
        return best?.candidate
    }

    /// Letters added, lost, changed or swapped with their neighbour (optimal string alignment).
    private static func typingErrors(_ left: [Unicode.Scalar], _ right: [Unicode.Scalar]) -> Int {
        var beforeLast: [Int] = []
        var last = Array(0...right.count)
        for row in left.indices {
            var current = [row + 1]
            for column in right.indices {
                let change = last[column] + (left[row] == right[column] ? 0 : 1)
                var cost = min(change, last[column + 1] + 1, current[column] + 1)
                if row > 0, column > 0, left[row] == right[column - 1], left[row - 1] == right[column] {
                    cost = min(cost, beforeLast[column - 1] + 1)
                }
                current.append(cost)
            }
            (beforeLast, last) = (last, current)
        }
        return last[right.count]
    }
}
