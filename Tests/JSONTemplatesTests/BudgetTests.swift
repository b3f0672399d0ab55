import JSON
import JSONTemplates
import Testing

/// Templates that would take for ever or all memory: each is stopped by a bound, whichever machine runs it.
@Suite struct BudgetTests {
    static let text = String(repeating: "a", count: 1_000_000)
    static let context = #"{"big": "\#(text)", "many": {\#(members)}}"#
    static let members = (0..<20_000).map { #""k\#($0)": \#($0)"# }.joined(separator: ", ")

    static func reducing(_ each: String, initial: String = "\"aaaaaaaa\"") -> String {
        #"{"$reduce": {"$eval": "range(0, 30000)"}, "each(a, x)": \#(each), "initial": \#(initial)}"#
    }

    static func finding(_ condition: String) -> String {
        #"{"$find": {"$eval": "range(0, 30000)"}, "each(x)": "\#(condition)"}"#
    }

    /// The length of a list, so that its output is not what costs.
    static func lengthOf(_ list: String) -> String { #"{"$let": {"l": \#(list)}, "in": {"$eval": "len(l)"}}"# }

    /// Looks up the outermost name so often, from inside so many scopes.
    static func scopes(_ depth: Int, around lookups: Int) -> String {
        let inner = #"{"$find": {"$eval": "range(0, \#(lookups))"}, "each(x)": "big == 1"}"#
        return (0..<depth).reduce(inner) { body, _ in #"{"$let": {"v": 1}, "in": \#(body)}"# }
    }

    static let map = #"{"$map": {"$eval": "range(0, 1000)"}, "each(x)": "#

    @Test(arguments: [
        #"{"$eval": "range(0, 1000000000)"}"#, #"{"$eval": "range(0, 9007199254740992)"}"#,
        #"{"$eval": "len(range(0 - 9007199254740992, 9007199254740992))"}"#, map + map + map + "1}}}",
        reducing(#"{"$eval": "len(big + 'a')"}"#), finding("'aaaaaaaaab' in big"),
        finding("big[5:400000] + 'b' in big"),
        finding("big == big && false"), finding("big < big"), finding("len(big) == 1"), finding("big[999999] == 'b'"),
        finding("len(big[1:]) == 1"), finding("len(strip(big)) == 1"), finding("many == many && false"),
        finding("len(lowercase(big)) == 1"),
        #"{"$eval": "split(big, '')"}"#, #"{"$eval": "split(big, 'a')"}"#, #"{"$eval": "len(range(0, 60000)[1:])"}"#,
        #"{"$sort": {"$eval": "range(0, 40000)"}}"#, lengthOf(#"{"$reverse": {"$eval": "range(0, 60000)"}}"#),
        lengthOf(#"{"$flatten": [{"$eval": "range(0, 60000)"}]}"#),
        #"{"$map": {"$eval": "many"}, "each(v,k)": {"$eval": "many"}}"#, scopes(40, around: 3000),
        #"{"$sort": ["${big[1:300000]}", "${big[2:300000]}", "${big[3:300000]}"]}"#,
        reducing(#"{"$merge": [{"$eval": "a"}, {"${x}": 1}]}"#, initial: "{}"),
        reducing(#"{"$mergeDeep": [{"$eval": "a"}, {"l": [1, 2, 3, 4, 5]}]}"#, initial: "{}"),
        #"{"$map": {"$eval": "range(0, 1000)"}, "each(x)": {"$map": {"$eval": "many"}, "each(v,k)": {"a": 1}}}"#,
        #"{"$let": {"d": \#(doubled(17))}, "in": {"$eval": "d == d"}}"#, doubled(17),
        #"{"$flattenDeep": \#(doubled(17))}"#, #"{"$json": \#(doubled(17))}"#, finding("len(json(many)) == 1"),
        finding("len(html(big)) == 1"), finding("len(truncate(big, 5)) == 1"), finding("len(title(big[1:9999])) == 1"),
    ])
    func tooMuchWorkIsStopped(template: String) {
        let message = "stopped after 100000 steps: the template does too much work"
        #expect(rendered(template, BudgetTests.context).hasSuffix(message))
    }

    /// A list of 2^n elements, made of n lists in memory.
    static func doubled(_ levels: Int) -> String {
        #"{"$reduce": {"$eval": "range(0, \#(levels))"}, "each(a, x)": [{"$eval": "a"}, {"$eval": "a"}], "initial": 1}"#
    }

    @Test(arguments: [
        reducing(#""${a}${a}""#), reducing(#"{"$eval": "a + a"}"#), doubled(40), reducing(#"{"$eval": "[a, a]"}"#),
        reducing(#"{"x": {"$eval": "a"}, "y": {"$eval": "a"}}"#), reducing(#"{"$eval": "{x: a, y: a}"}"#),
        reducing(#"{"$json": [{"$eval": "a"}, {"$eval": "a"}]}"#), #"{"$eval": "join(range(0, 900), big)"}"#,
        #"["${big}", "${big}"]"#, #"{"$eval": "uppercase(big + 'é')"}"#,
        #"{"$eval": "big + big"}"#, #""${big}${big}""#, #"{"$json": ["${big}", "${big}"]}"#,
        #"{"$eval": "json([big, big])"}"#,
        #"{"$eval": "join(split(big[0:30000], 'a'), '\u0001\u0001\u0001\u0001\u0001\u0001')"}"#,
    ])
    func valuesThatAreTooLargeAreNotMade(template: String) {
        let message = "a value or the result would be larger than 1048576 bytes"
        #expect(rendered(template, BudgetTests.context).hasSuffix(message))
    }

    @Test(arguments: [
        reducing(#"[{"$eval": "a"}]"#), reducing(#"{"k": {"$eval": "a"}}"#), reducing(#"{"$eval": "[a]"}"#),
        reducing(#"{"$merge": [{"k": {"$eval": "a"}}]}"#),
        reducing(#"{"$let": {"b": [{"$eval": "a"}]}, "in": {"$eval": "b"}}"#),
        #"{"$eval": "\#(String(repeating: "(", count: 5000))"}"#,
        #"{"$eval": "\#(String(repeating: "[", count: 5000))"}"#,
        #"{"$eval": "\#(String(repeating: "-", count: 5000))1"}"#,
        #"{"$eval": "\#(String(repeating: "{a:", count: 5000))"}"#,
        #"{"$eval": "1\#(String(repeating: "**1", count: 200_000))"}"#,
        #"{"$eval": "\#(String(repeating: "a[", count: 5000))"}"#,
        #"{"$eval": "\#(String(repeating: "a(", count: 5000))"}"#,
        #"{"$eval": "\#(String(repeating: "1||1&&1 in 1==1<1+1*1**(", count: 5000))"}"#,
    ])
    func whatIsNestedTooDeepIsRefused(template: String) {
        #expect(rendered(template).contains("nested deeper than 100 levels"))
    }

    @Test(arguments: [
        "\"\(String(repeating: "${a[0:9]}", count: 20_000))\"",
        #"{"$eval": "[\#(String(repeating: "1,", count: 60_000))1]"}"#,
        #"{"$eval": "1\#(String(repeating: "+1", count: 60_000))"}"#,
    ])
    func aTextOfVeryManyTokensIsNotParsed(template: String) {
        #expect(rendered(template) == "SyntaxError: more than 20000 tokens in one text")
    }

    @Test func whatIsNestedAsDeepAsAllowedIsRendered() {
        let deep = String(repeating: "[", count: 95) + "1" + String(repeating: "]", count: 95)
        #expect(evaluated(deep) == deep)
        // One level of brackets is two of the evaluator's here, a sum and a list.
        let sums = String(repeating: "1||1&&1 in[1]==1<1+len([", count: 30) + String(repeating: "])", count: 30)
        #expect(evaluated(sums) == "true")
    }

    @Test func smallBudgetsStopSmallTemplates() {
        var limits = Budget.Limits()
        limits.steps = 20
        limits.depth = 3
        limits.bytes = 10
        #expect(rendered(#"{"$eval": "1 + 1"}"#, limits: limits) == "2")
        #expect(
            rendered(#"{"$eval": "range(0, 30)"}"#, limits: limits).hasPrefix("BudgetError: stopped after 20 steps"))
        #expect(rendered(#"{"$eval": "[[[1]]]"}"#, limits: limits) == "BudgetError: nested deeper than 3 levels")
        #expect(rendered("\"12345678\"", limits: limits) == "\"12345678\"")
        #expect(rendered("\"123456789\"", limits: limits).hasSuffix("larger than 10 bytes"))
        // The escapes of the result count.
        #expect(rendered(#""\u0001\u0001""#, limits: limits).hasSuffix("larger than 10 bytes"))
    }

    @Test func aHostFunctionPaysFromTheSameBudget() {
        let work = HostFunction("work") { budget, _ throws(TemplateError) in
            try budget.spend(60_000)
            return .null
        }
        let functions = HostFunctions([work])
        #expect(rendered(#"{"$eval": "work()"}"#, functions: functions) == "null")
        #expect(rendered(#"{"$eval": "[work(), work()]"}"#, functions: functions).hasPrefix("BudgetError: "))
    }
}
