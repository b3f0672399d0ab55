import JSONTemplates
import Testing

@Suite struct StandardFunctionsTests {
    static let context =
        #"{"hostile": " a\r\n\u0000 b\u2028\tc\u202E\u200Bd\u0085👩\u200D💻\u00A0e\u001b", "#
        + #""none": null, "empty": "", "zero": 0, "o": {"b": [1.0], "a": "é"}, "evil": "<!channel> & \"*_`\" 'x'", "#
        + "\"blank\": \"\(String(repeating: " \u{200B}", count: 60_000))\"}"

    @Test(arguments: [
        ("default(none, 'x')", #""x""#), ("default(empty, none, 'x', 'y')", #""x""#), ("default(zero, 5)", "0"),
        ("default(none, empty)", #""""#), ("default(none, null)", "null"), ("default(false, 1)", "false"),
        ("title('missed')", #""Missed""#), ("title('missed call')", #""Missed Call""#),
        ("title('ßa éb')", #""Ssa Éb""#),
        ("title(none)", #""""#), ("duration(183)", #""3 min 3 s""#), ("duration(0)", #""0 s""#),
        ("duration(65.9)", #""1 min 5 s""#),
        ("duration(180)", #""3 min""#), ("duration(3723)", #""1 h 2 min 3 s""#), ("duration(90000)", #""25 h""#),
        ("truncate('abcdef', 6)", #""abcdef""#), ("truncate('abcdef', 5)", #""abcd…""#),
        ("truncate('👍👍👍', 2)", #""👍…""#),
        ("truncate('ab', 1)", #""…""#), ("json(o)", #""{\"b\":[1.0],\"a\":\"é\"}""#), ("json(none)", #""null""#),
        ("urlencode('a b&c/é~-._')", #""a%20b%26c%2F%C3%A9~-._""#), ("urlencode(12)", #""12""#),
        ("mrkdwn(evil)", #""&lt;!channel&gt; &amp; \"*_`\" 'x'""#),
        ("html(evil)", #""&lt;!channel&gt; &amp; &quot;*_`&quot; &#39;x&#39;""#),
        ("markdown('*a* [b](c) 1. ~d~ @everyone')", #""\\*a\\* \\[b\\]\\(c\\) 1\\. \\~d\\~ @everyone""#),
        ("markdown(true)", #""true""#), ("line('John Smith', 10)", #""John Smith""#),
        ("line('John Smith', 9)", #""John Smi…""#), ("line('ab', 1)", #""…""#), ("line(none, 9)", #""""#),
        ("line(blank, 9)", #""""#),
        ("line(hostile, 99)", #""a b cd 👩‍💻 e""#), ("line(12, 9)", #""12""#), ("line('👍👍👍', 2)", #""👍…""#),
        ("line(' a ', 1)", #""a""#), ("line('a b', 2)", #""a…""#),
        ("line('a  b ', 9)", #""a b""#), ("line(' a', 9)", #""a""#), ("line('~ !', 3)", #""~ !""#),
        ("line('', 1)", #""""#), ("whole(7.0)", "7"), ("whole('42')", "42"), ("whole('-4e2')", "-400"),
        ("whole(1.5)", "null"), ("whole('1.5')", "null"), ("whole('abc')", "null"), ("whole('1e400')", "null"),
        ("whole('')", "null"), ("whole(' 1')", "null"), ("whole('007')", "null"), ("whole(none)", "null"),
        ("whole(o)", "null"), ("whole('9007199254740993')", "9007199254740993"),
        ("whole('99999999999999999999')", "null"),
    ])
    func functionsForDestinationsGive(expression: String, value: String) {
        #expect(evaluated(expression, StandardFunctionsTests.context) == value)
    }

    @Test(arguments: [
        "default()", "title()", "title([])", "duration('5')", "duration(-1)", "duration(null)", "duration(10 ** 30)",
        "truncate('a', 0)", "truncate('a', 1.5)", "truncate('a')", "line('a')", "line('a', 0)", "line({}, 9)",
        "urlencode({})", "mrkdwn('a', 'b')", "json()", "whole()",
    ])
    func argumentsThatDoNotFitAreRefused(expression: String) {
        #expect(evaluated(expression).hasPrefix("BuiltinError: invalid arguments to builtin: "))
    }

    @Test func aNameOfTheContextHidesAFunction() {
        #expect(rendered(#"{"$eval": "title"}"#, #"{"title": "mine"}"#) == #""mine""#)
    }

    /// In this order: a function that `$let` gave the name, the host's, the language's, and at last a plain value.
    @Test(arguments: [
        (#"{"$eval": "len('ab')"}"#, "2"), (#"{"$eval": "title('ab')"}"#, #""Ab""#),
        (#"{"$let": {"len": 7, "title": 8}, "in": {"$eval": "title('ab') + str(len('ab') + len)"}}"#, #""Ab9""#),
        (#"{"$let": {"title": {"$eval": "uppercase"}}, "in": {"$eval": "title('ab')"}}"#, #""AB""#),
        (
            #"{"$let": {"mine": {"$eval": "title"}}, "in": {"$let": {"title": 1}, "in": {"$eval": "mine('ab')"}}}"#,
            #""Ab""#
        ),
        (
            #"{"$let": {"title": {"$eval": "min"}}, "in": {"$let": {"title": 1}, "in": {"$eval": "title('ab')"}}}"#,
            #""Ab""#
        ),
        (#"{"$let": {"mine": 7}, "in": {"$eval": "mine('ab')"}}"#, "InterpreterError: 7 is not callable"),
        (#"{"$eval": "mine('ab')"}"#, "InterpreterError: unknown context value mine"),
    ])
    func aCallMeansAFunction(template: String, result: String) {
        #expect(rendered(template, "{}") == result)
    }

    @Test func moreFunctionsCanBeAdded() {
        let twice = HostFunction("twice") { _, arguments throws(TemplateError) in
            guard case .number(let number)? = arguments.first, let doubled = TemplateNumber(2 * number.double) else {
                throw .badArguments("twice", "expected a number")
            }
            return .number(doubled)
        }
        let functions = HostFunctions.standard.adding([twice])
        #expect(rendered(#"{"$eval": "[twice(4), title('a')]"}"#, functions: functions) == #"[8,"A"]"#)
        #expect(
            rendered(#"{"x": {"$eval": "twice('a')"}}"#, functions: functions).hasPrefix("BuiltinError at template.x: ")
        )
    }
}
