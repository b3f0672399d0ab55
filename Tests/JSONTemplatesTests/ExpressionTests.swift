import JSONTemplates
import Testing

@Suite struct ExpressionTests {
    static let answer =
        #"{"status": 200, "headers": {"retry-after": "5"}, "body": "ok", "json": {"ok": true, "n": [1, 2]}}"#

    @Test(arguments: [
        ("body == 'ok'", true), ("json.ok", true), ("status == 404", false), ("'ok' in json && !json.ok", false),
        ("headers['retry-after'] != null", true), ("json.n", true), ("headers['x']", false), ("body[2:]", false),
    ])
    func aConditionOnAnAnswerIsTrueOrFalse(condition: String, holds: Bool) throws {
        let expression = try Expression.parse(condition)
        #expect(try expression.isTrue(try contextOf(ExpressionTests.answer), now: 0) == holds)
    }

    /// JSON-e reads `(!json).ok`, which is an error for each value.
    @Test(arguments: [("!json.ok", "false"), ("-json.n[1]", "-2"), ("-len(body)", "-2"), ("2 - -json.n[0]", "3")])
    func aSignStandsForAllThatFollowsIt(expression: String, value: String) {
        #expect(evaluated(expression, ExpressionTests.answer) == value)
    }

    @Test(arguments: [
        ("-2 ** 2", "4"), ("2 ** 3 ** 2", "512"), ("10 - 2 - 3", "5"), ("8 / 2 / 2", "2"), ("1 + 2 * 3 - 4 / 2", "5"),
        ("(10 - 2) - 3", "5"), ("10 - (2 - 3)", "11"), ("2 * 3 + 4 * 5 - 6", "20"),
        ("1 < 2 == true && 1 in [1]", "true"),
    ])
    func operatorsBindAsInJSONe(expression: String, value: String) { #expect(evaluated(expression) == value) }

    @Test(arguments: ["", " ", "1 +", "(1", "[1,", "{a", "a b", "'a", "@", "1..2", "a.'b'", "{1: 2}", "f(1,)", "1 = 1"])
    func whatIsNoExpressionIsASyntaxError(source: String) throws {
        let error = try #require(throws: TemplateError.self) { try Expression.parse(source) }
        #expect(error.kind == .syntax)
    }

    @Test func aLongSumIsOneLoop() {
        #expect(evaluated("1" + String(repeating: " + 1", count: 5000)) == "5001")
    }

    @Test func aFunctionIsNoValue() {
        #expect(evaluated("min") == "TemplateError: evaluated template contained uncalled functions")
        #expect(evaluated("{a: [title]}") == "TemplateError: evaluated template contained uncalled functions")
    }

    @Test(arguments: [
        ("'b' in 'abc'", "true"), ("'aab' in 'aaaab'", "true"), ("'' in ''", "true"), ("'abc' in 'ab'", "false"),
        ("'abab' in 'abacabab'", "true"), ("split('aaa', 'aa')", #"["","a"]"#),
        ("split('a--b-', '--')", #"["a","b-"]"#),
        ("split('éxé', 'x')", #"["é","é"]"#), ("split('', 'x')", #"[""]"#), ("split('aé', '')", #"["a","é"]"#),
    ])
    func textsAreSearchedFromLeftToRight(expression: String, value: String) { #expect(evaluated(expression) == value) }

    @Test(arguments: [
        ("len('👩‍👧')", "3"), ("'é👍x'[1]", #""👍""#), ("'é👍x'[-1:]", #""x""#), ("'abc'[1:2]", #""b""#),
        ("'\u{ffff}' < '\u{10000}'", "true"),
        ("uppercase('straße')", #""STRASSE""#), ("strip('\u{a0} a\u{2003}')", #""a""#),
    ])
    func charactersAreUnicodeScalars(expression: String, value: String) { #expect(evaluated(expression) == value) }
}
