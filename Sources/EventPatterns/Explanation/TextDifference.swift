internal import JSON

/// Ways in which two different texts may look the same to a person.
enum TextDifference: Equatable {
    case letterCase
    /// White space at an end; whether it is in the first of the two.
    case space(inFirst: Bool)
    /// Letters with accents, composed in two ways.
    case composition
    /// Characters of other scripts, other dashes or quotes, or characters that nobody can see.
    case lookAlike
    /// More than one of these.
    case several

    /// Nil where the texts are the same or differ in another way.
    init?(_ first: String, _ second: String) {
        if first.hasSameScalars(as: second) { return nil }
        if CaseFolding.fold(first) == CaseFolding.fold(second) {
            self = .letterCase
        } else if TextDifference.trimmed(first).hasSameScalars(as: TextDifference.trimmed(second)) {
            self = .space(inFirst: !TextDifference.trimmed(first).hasSameScalars(as: first))
        } else if first == second {
            self = .composition
        } else if TextDifference.skeleton(first) == TextDifference.skeleton(second) {
            self = .lookAlike
        } else if TextDifference.loosest(first) == TextDifference.loosest(second) {
            self = .several
        } else {
            return nil
        }
    }

    static func trimmed(_ text: String) -> String {
        var scalars = text.unicodeScalars[...]
        while scalars.first?.properties.isWhitespace == true { scalars.removeFirst() }
        while scalars.last?.properties.isWhitespace == true { scalars.removeLast() }
        return String(scalars)
    }

    private static func loosest(_ text: String) -> String { skeleton(trimmed(text)).lowercased() }

    /// The text with one character for all that look like it.
    private static func skeleton(_ text: String) -> String {
        var output = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            switch scalar.properties.generalCategory {
            case .format, .control: continue
            case .spaceSeparator: output.append(" ")
            case .dashPunctuation: output.append("-")
            default: output.append(twins[scalar] ?? halfWidth(scalar))
            }
        }
        return String(output)
    }

    /// Full-width forms of ASCII, U+FF01 to U+FF5E.
    private static func halfWidth(_ scalar: Unicode.Scalar) -> Unicode.Scalar {
        guard (0xFF01...0xFF5E).contains(scalar.value) else { return scalar }
        return Unicode.Scalar(scalar.value - 0xFEE0) ?? scalar
    }

    /// Quotes and letters of the Cyrillic and Greek scripts that a person takes for Latin ones.
    private static let twins: [Unicode.Scalar: Unicode.Scalar] = {
        let pairs = zip(
            "‘’ʼ′“”″−авекмнорстухіјѕԁАВЕКМНОРСТУХІЈЅαιονρτυχΑΒΕΖΗΙΚΜΝΟΡΤΥΧ".unicodeScalars,
            "''''\"\"\"-abekmhopctyxijsdABEKMHOPCTYXIJSaiovptuxABEZHIKMNOPTYX".unicodeScalars)
        return Dictionary(pairs.map { ($0, $1) }, uniquingKeysWith: { first, _ in first })
    }()
}
