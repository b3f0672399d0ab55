import JSON
import JSONTemplates
import Testing

@Suite struct TemplateTests {
    @Test func allFaultsComeAtOnceEachWithItsPlace() throws {
        let text = """
            {"a": {"$eval": "1 +"}, "b": [1, "${x"], "c d": {"$if": "true", "than": 1},
             "e": {"$let": {"x": {"$unknown": 1}}, "in": {"f": "${)}"}}, "ok": {"$eval": "x"}}
            """
        let node = try JSONNode.parse(Array(text.utf8))
        let error = #expect(throws: TemplateFaults.self) { try Template.parse(node) }
        let faults = try #require(error).faults
        #expect(
            faults.map(\.description) == [
                "SyntaxError at template.a: Unexpected end of input",
                "SyntaxError at template.b[1]: unterminated ${..} expression",
                #"TemplateError at template["c d"]: $if has undefined properties: than"#,
                "TemplateError at template.e.x: $<identifier> is reserved; use $$<identifier>",
                "SyntaxError at template.e.f: Found: ) token, expected one of: "
                    + "!, (, +, -, [, false, identifier, null, number, string, true, {",
            ])
        let places = faults.map {
            String(decoding: Array(text.utf8).dropFirst($0.offset ?? 0).prefix(4), as: UTF8.self)
        }
        #expect(places == ["\"1 +", "\"${x", "{\"$i", "{\"$u", "\"${)}"].map { String($0.prefix(4)) })
    }

    @Test func aRenderSaysWhereItFailed() throws {
        let text = #"{"a": [{"$if": "true", "then": {"b": "${event.user.name}"}}]}"#
        let template = try Template.parse(try JSONNode.parse(Array(text.utf8)))
        let context = try contextOf(#"{"event": {"user": null}}"#)
        let error = try #require(throws: TemplateError.self) { try template.render(context, now: 0) }
        #expect(error.description == "InterpreterError at template.a[0].b: infix: . expects objects")
        #expect(error.path == ".a[0].b")
        #expect(text.utf8.dropFirst(error.offset ?? 0).starts(with: "\"${event".utf8))
    }

    @Test func anErrorTextStaysShortWhateverTheEventHas() {
        let long = String(repeating: "a", count: 100_000)
        let context = #"{"long": "\#(long)"}"#
        #expect(rendered(#"{"$eval": "long()"}"#, context).utf8.count < 1000)
        #expect(rendered(#"{"$fromNow": "${long}"}"#, context).utf8.count < 1000)
        #expect(rendered(#"{"${long}": {"${long}": {"$eval": "nope"}}}"#, context).utf8.count < 1000)
    }

    @Test func aFaultInABranchThatIsNotTakenDoesNotHinderARender() {
        #expect(rendered(#"{"$if": "false", "then": {"$eval": "("}, "else": 1}"#) == "1")
        #expect(rendered(#"{"a": {"$if": "true", "then": {"$eval": "("}}}"#).hasPrefix("SyntaxError at template.a: "))
    }

    @Test func aTemplateThatIsLeftOutAsAWholeIsNotNull() {
        #expect(rendered(#"{"$if": "false", "then": 1}"#) == "deleted")
        #expect(rendered(#"{"$eval": "null"}"#) == "null")
    }

    @Test func membersKeepTheirOrderAndAKeyThatComesAgainItsPlace() {
        #expect(rendered(#"{"z": 1, "a": 2, "${'z'}": 3, "m": 4}"#) == #"{"z":3,"a":2,"m":4}"#)
        #expect(rendered(#"{"$merge": [{"b": 1, "a": 1}, {"c": 1, "b": 2}]}"#) == #"{"b":2,"a":1,"c":1}"#)
    }

    @Test func keysThatLookTheSameButDifferInBytesAreDifferent() {
        #expect(rendered(#"{"\u00e9": 1, "${'e\u0301'}": 2}"#).utf8.count == #"{"é":1,"é":2}"#.utf8.count + 1)
        let many = (0..<40).map { #""k\#($0)": \#($0)"# }.joined(separator: ", ")
        #expect(evaluated("o['\u{e9}'] == o['e\u{301}']", #"{"o": {\#(many), "\u00e9": 1, "e\u0301": 2}}"#) == "false")
        #expect(evaluated("'\u{e9}' == 'e\u{301}'") == "false")
        #expect(evaluated("o.K", #"{"o": {"\u212a": 1}}"#) == #"InterpreterError: object has no property "K""#)
    }

    @Test func manyMembersAreFoundAsFewAre() {
        let many = (0..<1000).map { #""k\#($0)": \#($0)"# }.joined(separator: ", ")
        #expect(evaluated("[o.k0, o.k999, o.k17, 'k1000' in o]", #"{"o": {\#(many)}}"#) == "[0,999,17,false]")
        let merged = #"""
            {"$reduce": {"$eval": "range(0, 40)"}, "initial": {},
             "each(a, x)": {"$merge": [{"$eval": "a"}, {"${x}": 1}]}}
            """#
        #expect(rendered(#"{"$let": {"o": \#(merged)}, "in": {"$eval": "'39' in o && o['7'] == 1"}}"#) == "true")
    }

    @Test func aMatchLeavesOutWhatIsDeleted() {
        #expect(rendered(#"{"$match": {"true": {"$if": "false", "then": 1}, "1 == 1": 2}}"#) == "[2]")
    }

    @Test func namesOfTheContextAreChecked() {
        #expect(rendered("1", #"{"a-b": 1}"#).hasPrefix("TemplateError: top level keys of context must follow"))
    }

    @Test(arguments: [("now", #""2017-01-19T16:27:20.974Z""#), ("fromNow('-1 d')", #""2017-01-18T16:27:20.974Z""#)])
    func theTimeIsTheOneThatTheCallerGave(expression: String, result: String) {
        #expect(evaluated(expression) == result)
    }

    @Test(arguments: [
        ("2016-02-28T23:59:59.999Z", "1 s", "2016-02-29T00:00:00.999Z"),
        ("1969-12-31T23:59:59Z", "0 s", "1969-12-31T23:59:59.000Z"),
        ("2000-03-01T00:00:00.1Z", "-1 d", "2000-02-29T00:00:00.100Z"),
        ("9999-12-31T23:59:59Z", "1 s", "error"), ("2017-02-29T00:00:00Z", "", "error"), ("2017-01-01", "", "error"),
        ("2017-01-01T00:00:00+01:00", "", "error"), ("2017-13-01T00:00:00Z", "", "error"),
        ("2017-01-01T24:00:00Z", "", "error"),
        ("0001-01-01T00:00:00Z", "-1 s", "error"), ("2017-01-01T00:00:00.Z", "", "error"),
    ])
    func timesAreCountedByTheCalendar(start: String, offset: String, result: String) {
        let found = rendered(#"{"$fromNow": "\#(offset)", "from": "\#(start)"}"#)
        #expect(result == "error" ? found.hasPrefix("TemplateError: ") : found == "\"\(result)\"")
    }
}
