/// Patterns and events out of a small world, so that many of them meet.
struct RandomPatterns {
    var random: SeededGenerator

    private static let paths = ["a", "b", "c", "a.b", "b.a", "a.b.c", "l.x", "l.y"]
    private static let texts = [
        "", "a", "ab", "abc", "abd", "b", "bc", "A", "Ab", "ABC", "\u{E9}", "\u{C9}", "e\u{301}", "\u{212A}", "k",
        "x.y",
        "10.0.0.1", "10.1.0.1", "::1", "true", "1", "a*b", "\u{1F600}",
    ]
    private static let numbers = [
        "0", "-0", "0.0", "1", "1.0", "1e0", "10e-1", "2", "-1", "3.5", "1e400", "1e401", "-1e400",
    ]

    private static let ranges = [#"[">",0]"#, #"[">=",0]"#, #"["<=",0]"#, #"[">=",-1,"<",2]"#, #"["=",1]"#]

    // MARK: - Events

    mutating func event() -> String { object(0) }

    private mutating func object(_ depth: Int) -> String {
        var members: [String] = []
        for key in ["a", "b", "c", "a.b", "b.a", "l", "x", "y"] where random.below(5) > 0 {
            members.append("\(spelled(key)):\(value(depth + 1))")
        }
        return "{\(members.shuffled(using: &random).joined(separator: ","))}"
    }

    private mutating func value(_ depth: Int) -> String {
        switch random.below(depth > 3 ? 6 : 10) {
        case 0: random.pick(["null", "true", "false", "[]", "{}"])
        case 1: random.pick(RandomPatterns.numbers)
        case 2...5: text()
        case 6, 7: "[\((0..<random.below(4)).map { _ in value(depth + 1) }.joined(separator: ","))]"
        default: object(depth)
        }
    }

    /// A string with some of its characters as escapes.
    private mutating func spelled(_ text: String) -> String {
        var spelled = ""
        for unit in text.utf16 {
            let digits = String(unit, radix: 16)
            let isPlain = unit < 0x80 && random.below(6) > 0
            spelled +=
                isPlain
                ? String(UnicodeScalar(UInt8(unit))) : "\\u\(String(repeating: "0", count: 4 - digits.count))\(digits)"
        }
        return "\"\(spelled)\""
    }

    // MARK: - Patterns

    mutating func pattern() -> String {
        let count = random.pick([0, 0, 1, 1, 1, 1, 2, 2, 3])
        let paths = Array(RandomPatterns.paths.shuffled(using: &random).prefix(count))
        guard paths.count > 2, random.below(2) == 0 else {
            return "{\(paths.map { field($0) }.joined(separator: ","))}"
        }
        let branches = paths.dropFirst().map { "{\(field($0))}" }
        return "{\(field(paths[0])),\"$or\":[\(branches.joined(separator: ","))]}"
    }

    private mutating func field(_ path: String) -> String { "\"\(path)\":[\(alternatives())]" }

    private mutating func alternatives() -> String {
        let count = random.below(3) == 0 ? 1 + random.below(14) : 1 + random.below(5)
        return (0..<count).map { _ in alternative() }.joined(separator: ",")
    }

    mutating func alternative() -> String {
        switch random.below(20) {
        case 0...5: text()
        case 6...7: random.pick(RandomPatterns.numbers)
        case 8: random.pick(["null", "true", "false"])
        case 9, 10: "{\"prefix\":\(text())}"
        case 11: "{\"suffix\":\(text())}"
        case 12: "{\"equals-ignore-case\":\(text())}"
        case 13: "{\"\(random.pick(["prefix", "suffix"]))\":{\"equals-ignore-case\":\(text())}}"
        case 14: "{\"wildcard\":\"\(random.pick(["*", "a*", "*b", "a*c", "*b*", "ab", "", "\u{E9}*", "*\u{301}"]))\"}"
        case 15: "{\"numeric\":\(random.pick(RandomPatterns.ranges))}"
        case 16: "{\"exists\":\(random.pick(["true", "false"]))}"
        case 17: anythingBut()
        case 18: random.pick([#"{"cidr":"10.0.0.0/8"}"#, #"{"cidr":"10.0.0.0/16"}"#, #"{"cidr":"::/64"}"#])
        default: text()
        }
    }

    private mutating func anythingBut() -> String {
        let count = 1 + random.below(12)
        switch random.below(4) {
        case 0: return "{\"anything-but\":[\((0..<count).map { _ in text() }.joined(separator: ","))]}"
        case 1:
            let numbers = RandomPatterns.numbers.filter { !$0.contains("e40") }
            return "{\"anything-but\":[\((0..<count).map { _ in random.pick(numbers) }.joined(separator: ","))]}"
        case 2: return "{\"anything-but\":{\"prefix\":[\"a\",\"b\(random.below(9))\",\"x\"]}}"
        default:
            let texts = (0..<count).map { _ in text() }.joined(separator: ",")
            return "{\"anything-but\":{\"equals-ignore-case\":[\(texts)]}}"
        }
    }

    /// A few texts come often.
    private mutating func text() -> String {
        spelled(RandomPatterns.texts[random.below(random.below(2) == 0 ? 5 : RandomPatterns.texts.count)])
    }
}
