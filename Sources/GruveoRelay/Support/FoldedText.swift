/// Breaks a sentence at spaces, but not inside quotes or braces: a space there may be what the sentence is about.
func folded(_ text: String, width: Int, indent: String) -> [String] {
    var lines: [String] = []
    for word in unbreakable(text) {
        if let last = lines.last, last.count + 1 + word.count <= width {
            lines[lines.count - 1] += " " + word
        } else {
            lines.append(indent + word)
        }
    }
    return lines
}

private func unbreakable(_ text: String) -> [String] {
    var words = [""]
    var depth = 0
    var isQuoted = false
    var isEscaped = false
    for character in text {
        switch character {
        case "\"" where !isEscaped: isQuoted.toggle()
        case "{" where !isQuoted: depth += 1
        case "}" where !isQuoted: depth -= 1
        default: break
        }
        isEscaped = character == "\\" && !isEscaped
        if character == " ", !isQuoted, depth <= 0 {
            words.append("")
        } else {
            words[words.count - 1].append(character)
        }
    }
    return words
}
