/// Events, and rules to go with them, that are built to be slow.
///
/// Each event fits in the 262,144 bytes that a source takes by default.
struct HostileInput {
    let name: String
    let rules: [String]
    let event: String
}

enum HostileInputs {
    static let millisecondsBar = 10.0
    private static let most = 262_000

    static let all = [
        HostileInput(
            name: "wildcard of 2,000 stars", rules: [rule(#"{"wildcard":"\#(repeated("*a", 2000))*b"}"#)],
            event: value("\"\(repeated("a", most))\"")),
        HostileInput(
            name: "wildcard that nearly repeats",
            rules: [rule(#"{"wildcard":"*\#(repeated("a", 2000))b*\#(repeated("a", 2000))c*"}"#)],
            event: value("\"\(repeated("a", most))\"")),
        HostileInput(
            name: "10 wildcards that nearly repeat, one field",
            rules: [rule(numbered(10) { "{\"wildcard\":\"*\(repeated("a", 2000))\($0)*\"}" })],
            event: value("\"\(repeated("a", most))\"")),
        HostileInput(
            name: "100 wildcards on one long text",
            rules: (0..<100).map { rule(#"{"wildcard":"*a*b\#($0)*a*"}"#) },
            event: value("\"\(repeated("ab", most / 2))\"")),
        HostileInput(
            name: "10,000 alternatives, 28,000 values", rules: [rule(numbered(10_000) { "\"\($0)\"" })],
            event: value("[\(numbered(28_000) { "\"x\($0)\"" })]")),
        HostileInput(
            name: "10,000 prefixes, 28,000 values", rules: [rule(numbered(10_000) { "{\"prefix\":\"y\($0)\"}" })],
            event: value("[\(numbered(28_000) { "\"x\($0)\"" })]")),
        HostileInput(
            name: "anything but 10,000 values",
            rules: [rule("{\"anything-but\":[\(numbered(10_000) { "\"\($0)\"" })]}")],
            event: value("[\(numbered(28_000) { "\"\($0 % 10_000)\"" })]")),
        HostileInput(
            name: "empty lists in lists", rules: [rule("1")],
            event: value("[" + String(repeating: repeated("[", 60) + repeated("]", 60) + ",", count: most / 121) + "1]")
        ),
        HostileInput(
            name: "120,000 values in 63 lists", rules: [#"{"a":[1],"a.b":[{"exists":false}]}"#],
            event: value(repeated("[", 62) + repeated("1,", 120_000) + "1" + repeated("]", 62))),
        HostileInput(
            name: "values in a list each, two fields", rules: [#"{"a":{"x":[1],"y":[1]}}"#],
            event: value("[" + repeated(#"{"x":1},{"y":1},"#, 16_000) + "1]")),
        HostileInput(
            name: "50,000 non-ASCII texts in any case", rules: [rule(#"{"equals-ignore-case":"ÉÀ"}"#)],
            event: value("[" + repeated("\"é\",", 50_000) + "1]")),
        HostileInput(
            name: "one long non-ASCII text in any case",
            rules: [rule(#"{"equals-ignore-case":"\#(repeated("É", 100))"}"#)],
            event: value("\"\(repeated("é", most / 2))\"")),
        HostileInput(
            name: "$or with a product of 1,000", rules: Array(repeating: products, count: 20),
            event: "{\(numbered(3) { list in "\"l\(list)\":{\(numbered(10) { "\"\($0)\":1" })}" })}"),
        HostileInput(name: "entangled lists", rules: [entangled.rule], event: entangled.event),
        HostileInput(
            name: "50 rules on entangled lists", rules: Array(repeating: entangled.rule, count: 50),
            event: entangled.event),
        HostileInput(
            name: "10,000 rules of one link",
            rules: (0..<10_000).map { #"{"a":["x"],"n":[{"numeric":[">",\#($0)]}]}"# },
            event: #"{"a":"x","n":9999.5}"#),
        HostileInput(
            name: "10,000 rules with a wildcard only", rules: (0..<10_000).map { rule(#"{"wildcard":"*\#($0)*"}"#) },
            event: value("\"@acme.sales-17\"")),
        HostileInput(
            name: "10,000 rules, 28,000 values of their field", rules: (0..<10_000).map { rule("\"\($0)\"") },
            event: value("[\(numbered(28_000) { "\"x\($0)\"" })]")),
        HostileInput(
            name: "1,000 rules with anything-but, 28,000 values",
            rules: (0..<1000).map { rule("{\"anything-but\":{\"prefix\":\"x\"}},\"\($0)\"") },
            event: value("[\(numbered(28_000) { "\"x\($0)\"" })]")),
        HostileInput(
            name: "50,000 values, eight alternatives in any case",
            rules: [rule(numbered(8) { "{\"equals-ignore-case\":\"\(repeated("É", 2))\($0)\"}" })],
            event: value("[" + repeated("\"éÉ\",", 37_000) + "1]")),
        HostileInput(
            name: "60,000 scalars of three bytes in any case", rules: [rule(#"{"equals-ignore-case":"Ḁ"}"#)],
            event: value("[" + repeated("\"Ḁ\",", 43_000) + "1]")),
        HostileInput(
            name: "10,000 names that begin and end alike",
            rules: (10_000..<20_000).map { #"{"customer_\#($0)_status":["x"]}"# },
            event: "{\(numbered(9000) { "\"customer_\($0 + 20_000)_status\":1" })}"),
        HostileInput(
            name: "200,000 escapes", rules: [rule("\"x\"")], event: value("\"\(repeated("\\n", most / 2 - 10))\"")),
        HostileInput(
            name: "prefixes of 1,000 lengths",
            rules: (1...1000).map { rule("{\"prefix\":\"\(repeated("a", $0))b\"}") },
            event: value("[\(numbered(250) { "\"\(repeated("a", 1000))\($0)\"" })]")),
    ]

    /// Three lists of ten make a thousand combinations, and each of them fails at its last field.
    private static let products: String = {
        let lists = (0..<3).map { list in
            let branches = numbered(10) { "{\"\($0)\":[{\"anything-but\":\(list == 2 ? 1 : 2)}]}" }
            return "\"l\(list)\":{\"$or\":[\(branches)]}"
        }
        return "{\(lists.joined(separator: ","))}"
    }()

    /// Clauses of three literals as fields, and variables as lists of two elements, one for true and one for false: to
    /// find out which elements go together is to solve the clauses (random 3-SAT with more clauses than can be solved).
    /// Dotted keys let lists at all heights hold values of the same path.
    private static let entangled: (rule: String, event: String) = {
        let variables = 60
        let clauses = 270
        var random = SeededGenerator(seed: 5)
        var elements = [[String]](repeating: [], count: 2 * variables)
        for clause in 0..<clauses {
            for variable in (0..<variables).shuffled(using: &random).prefix(3) {
                let rest = (variable + 1..<variables).map { "v\($0)." }.joined()
                elements[2 * variable + random.below(2)].append("\"\(rest)c\(clause)\":1")
            }
        }
        let lists = (0..<variables).map { variable in
            let key = (0...variable).map { "v\($0)" }.joined(separator: ".")
            let both = elements[2 * variable...2 * variable + 1].map { "{\($0.joined(separator: ","))}" }
            return "\"\(key)\":[\(both.joined(separator: ","))]"
        }
        let path = (0..<variables).map { "v\($0)" }.joined(separator: ".")
        let rule = "{\"\(path)\":{\(numbered(clauses) { "\"c\($0)\":[1]" })}}"
        return (rule, "{\(lists.joined(separator: ","))}")
    }()

    private static func rule(_ alternatives: String) -> String { "{\"a\":[\(alternatives)]}" }

    private static func value(_ json: String) -> String { "{\"a\":\(json)}" }

    private static func repeated(_ text: String, _ count: Int) -> String { String(repeating: text, count: count) }

    private static func numbered(_ count: Int, _ text: (Int) -> String) -> String {
        (0..<count).map(text).joined(separator: ",")
    }
}
