import EventPatterns
import Foundation
import JSON
import Testing

/// Explains one rule and one event: nil where it matches.
func explanation(rule: String, event: String) throws -> FailureExplanation? {
    let node = try JSONNode.parse(Array(rule.utf8))
    let patterns = try PatternSet([EventPattern.parse(node)])
    let bytes = Array(event.utf8)
    let failure = try patterns.firstFailure(of: 0, in: FlatEvent(parsing: bytes, paths: patterns.paths))
    let matches = try patterns.matches(bytes) == [0]
    #expect(matches == (failure == nil), "\(rule) \(event)")
    guard let failure else { return nil }
    let explanation = FailureExplanation(
        failure, of: patterns.patterns[0], in: node, event: try JSONNode.parse(bytes))
    // The words come from another walk through the event than the answer.
    #expect(explanation.found.isEmpty == (failure.reason == .missing), "\(rule) \(event)")
    return explanation
}

struct ExplanationTests {
    private func expect(_ rule: String, _ event: String, _ sentence: String) throws {
        let found = try explanation(rule: rule, event: event)
        #expect(found?.sentence == sentence)
    }

    @Test(arguments: [
        (#"{"a":["x"]}"#, #"{"a":"y"}"#, #"a is "y", but the rule wants "x""#),
        (
            #"{"a":["x",{"prefix":"p"},7]}"#, #"{"a":true}"#,
            #"a is true, but the rule wants "x", {"prefix":"p"} or 7: "#
                + "prefix looks at strings only, and this is true or false"
        ),
        (
            #"{"a":[ { "anything-but" : [ 1, 2.0 ] } ]}"#, #"{"a":2}"#,
            #"a is 2, but the rule wants {"anything-but":[1,2.0]}"#
        ),
        (
            #"{"a":["p","q","r","s","t"]}"#, #"{"a":["b","c","d","e","f","g"]}"#,
            #"a has "b", "c", "d" and 3 more, but the rule wants "p", "q", "r" or 2 more"#
        ),
        (#"{"a":[{"exists":true}]}"#, "{}", #"a is missing, but the rule wants {"exists":true}"#),
        (#"{"a":[{"exists":false}]}"#, #"{"a":5}"#, #"a is 5, but the rule wants {"exists":false}"#),
        (
            #"{"a":{"b":{"c":["x"]}}}"#, #"{"a.b":{"c":"y"},"a":{"b.c":"z"}}"#,
            #"a.b.c has "y" and "z", but the rule wants "x""#
        ),
        (
            #"{"a.b":["x"]}"#, #"{"a":[{"b":"y"},{"b":["z",null]},{}]}"#,
            #"a.b has "y", "z" and null, but the rule wants "x""#
        ),
        (#"{"":["x"]}"#, "{}", #""" is missing, but the rule wants "x""#),
    ])
    func aFailureSaysWhatIsThereAndWhatIsWanted(rule: String, event: String, sentence: String) throws {
        try expect(rule, event, sentence)
    }

    @Test(arguments: [
        (
            #"{"t":{"c":[{"anything-but":"x"}]}}"#, "{}",
            #"t.c is missing, but the rule wants {"anything-but":"x"}: anything-but "#
                + #"wants a value that is there; add {"exists": false} to the list if that should match"#
        ),
        (
            #"{"a":[null]}"#, "{}",
            "a is missing, but the rule wants null: null is a value, and a missing field has none; "
                + #"add {"exists": false} to the list if that should match"#
        ),
        (
            #"{"a":[""]}"#, "{}",
            #"a is missing, but the rule wants "": "" is a value, and a missing field has none; "#
                + #"add {"exists": false} to the list if that should match"#
        ),
        (
            #"{"a":[{"exists":false}]}"#, #"{"a":null}"#,
            #"a is null, but the rule wants {"exists":false}: "#
                + "null counts as a value; add null to the list if it should match"
        ),
        (
            #"{"a":[{"exists":false}]}"#, #"{"a":""}"#,
            #"a is "", but the rule wants {"exists":false}: "#
                + #""" counts as a value; add "" to the list if it should match"#
        ),
        (
            #"{"a":["x",{"exists":false}]}"#, #"{"a":null}"#,
            #"a is null, but the rule wants "x" or {"exists":false}: "#
                + "null counts as a value, so the field is not absent; add null to the list if it should match"
        ),
        (
            #"{"a":[""]}"#, #"{"a":null}"#,
            #"a is null, but the rule wants "": null and "" are two things; "#
                + "add null to the list if it should match"
        ),
        (
            #"{"t.C":["x"]}"#, #"{"t":{"c":"x"}}"#,
            #"t.C is missing, but the rule wants "x": the event has t.c, "#
                + "and upper and lower case differ"
        ),
        (
            #"{"tracking.campain":["x"]}"#, #"{"tracking":{"campaign":"x"}}"#,
            #"tracking.campain is missing, but the rule wants "#
                + #""x": did you mean tracking.campaign?"#
        ),
        (
            #"{"trakcing.campaign":["x"]}"#, #"{"tracking":{"campaign":"x"}}"#,
            #"trakcing.campaign is missing, but the rule wants "x": did you mean tracking.campaign?"#
        ),
        (
            #"{"campaign":["x"]}"#, #"{"tracking":{"campaign":"x"}}"#,
            #"campaign is missing, but the rule wants "x": the event has tracking.campaign"#
        ),
        (
            #"{"event.link":["x"]}"#, #"{"link":"x"}"#,
            #"event.link is missing, but the rule wants "x": the event has link"#
        ),
        (
            #"{"a ":["x"]}"#, #"{"a":"x"}"#,
            #""a " is missing, but the rule wants "x": the event has "a", and spaces count"#
        ),
        (
            #"{"link":["x"]}"#, #"{"l\u0456nk":"x"}"#,
            #"link is missing, but the rule wants "x": the event has one that only "#
                + #"looks the same, "l\u0456nk""#
        ),
        (
            #"{"a.b":["x"]}"#, #"{"a":5}"#,
            #"a.b is missing, but the rule wants "x": a is a number in this event, not an object"#
        ),
        (
            #"{"a":[{"exists":true}]}"#, #"{"a":{"b":{"c":1}}}"#,
            "a is an object, which is no value: name a field in it, such as a.b.c"
        ),
        (
            #"{"a":["x"]}"#, #"{"a":[{"b":1},{"b":2}]}"#,
            "a is a list of objects, which are no values: name a field in them, such as a.b"
        ),
        (
            #"{"a":[null]}"#, #"{"a":[]}"#,
            "a is an empty list, which is no value: null is a value, and a missing field has none; "
                + #"add {"exists": false} to the list if that should match"#
        ),
        (#"{"a":["x"]}"#, #"{"a":{}}"#, "a is an empty object, which is no value"),
    ])
    func whatIsMissingOrNoValueComesWithTheFix(rule: String, event: String, sentence: String) throws {
        try expect(rule, event, sentence)
    }

    /// What stands behind "but the rule wants …: ".
    @Test(arguments: [
        (#"{"a":["1"]}"#, #"{"a":1}"#, "the event has a number, not a string; write 1 without quotes"),
        (#"{"a":["true"]}"#, #"{"a":true}"#, "the event has true or false, not a string; write true without quotes"),
        (#"{"a":["null"]}"#, #"{"a":null}"#, "the event has null, not a string; write null without quotes"),
        (#"{"a":[1]}"#, #"{"a":"1"}"#, #"the event has a string; write "1" with quotes"#),
        (#"{"a":[1]}"#, #"{"a":"1.0"}"#, #"the event has a string; write "1.0" with quotes"#),
        (#"{"a":[false]}"#, #"{"a":"false"}"#, #"the event has a string; write "false" with quotes"#),
        (
            #"{"tracking":{"id":[7]}}"#, #"{"tracking":{"id":"7"}}"#,
            #"tracking values are always strings; write "7" with quotes"#
        ),
        (
            #"{"tracking":{"id":[{"numeric":[">",5]}]}}"#, #"{"tracking":{"id":"7"}}"#,
            "numeric looks at numbers only, and "
                + "tracking values are always strings; list the texts, or use prefix or wildcard"
        ),
        (
            #"{"a":[{"numeric":[">",5]}]}"#, #"{"a":"7"}"#,
            "numeric looks at numbers only, and this is a string; "
                + "list the texts, or use prefix or wildcard"
        ),
        (
            #"{"a":[{"prefix":"1"}]}"#, #"{"a":183}"#,
            "prefix looks at strings only, and this is a number; "
                + "write numbers themselves, or use numeric"
        ),
        (
            #"{"a":["Missed"]}"#, #"{"a":"missed"}"#,
            #"only upper and lower case differ; write {"equals-ignore-case": "Missed"}"#
        ),
        (
            #"{"a":[{"suffix":".DE"}]}"#, #"{"a":"x.de"}"#,
            "only upper and lower case differ; write "
                + #"{"suffix": {"equals-ignore-case": ".DE"}}"#
        ),
        (
            #"{"a":["x",{"prefix":"ab"}]}"#, #"{"a":" abc"}"#,
            "the event's value has white space at an end; write it so, "
                + "or use prefix, suffix or wildcard"
        ),
        (#"{"a":["abc "]}"#, #"{"a":"abc"}"#, "the rule's value has white space at an end; take it out"),
        (
            #"{"a":["Jos\u00e9"]}"#, #"{"a":"Jose\u0301"}"#,
            "they look the same, but accents are composed in two ways; "
                + #"write "Jose\u0301""#
        ),
        (
            #"{"a":["acme"]}"#, #"{"a":"\u0430cme"}"#,
            #"they look alike, but the event has "\u0430cme" and the rule "acme""#
        ),
        (
            #"{"a":["Acme Corp"]}"#, #"{"a":"acme\u00a0corp"}"#,
            #"more than one small thing differs: the event has "acme\u00a0corp" and the rule "Acme Corp""#
        ),
        (
            #"{"a":["10\u20132"]}"#, #"{"a":"10-2"}"#,
            #"they look alike, but the event has "10-2" and the rule "10\u20132""#
        ),
        (
            #"{"a":[{"wildcard":"@ACME.*"}]}"#, #"{"a":"@acme.sales"}"#,
            #"only upper and lower case differ; write {"prefix": {"equals-ignore-case": "@ACME."}}"#
        ),
        (
            #"{"a":[{"wildcard":"*.DE"}]}"#, #"{"a":"x.de"}"#,
            #"only upper and lower case differ; write {"suffix": {"equals-ignore-case": ".DE"}}"#
        ),
        (#"{"a":[{"wildcard":"x*.DE"}]}"#, #"{"a":"xy.de"}"#, "only upper and lower case differ"),
        (#"{"a":["https://gruveo.com/@acme"]}"#, #"{"a":"@acme"}"#, "the event has only a part of that"),
        (#"{"a":["2"]}"#, #"{"a":1}"#, "the event has a number, not a string; write 2 without quotes"),
        (#"{"a":["2020-08-28"]}"#, #"{"a":1598615831871}"#, "the event has a number, not a string"),
        (
            #"{"tracking":{"id":[5]}}"#, #"{"tracking":{"id":"x"}}"#,
            #"tracking values are always strings; write "5" with quotes"#
        ),
        (
            #"{"l[0].a":["x"]}"#, #"{"l":[{"a":"x"}]}"#,
            "lists do not show in names, and any element may match; write l.a"
        ),
        (
            #"{"l":{"0":{"a":["x"]}}}"#, #"{"l":[{"a":"x"}]}"#,
            "lists do not show in names, and any element may match; write l.a"
        ),
        (#"{"a":["mised"]}"#, #"{"a":"missed"}"#, #"did you mean "missed"?"#),
        (
            #"{"a":["@acme.*"]}"#, #"{"a":"@acme.sales"}"#,
            #"in a plain value * is only a star; write {"wildcard": "@acme.*"}"#
        ),
        (
            #"{"a":["@acme"]}"#, #"{"a":"@acme.sales"}"#,
            #"it begins with that; write {"prefix": "@acme"} if that is enough"#
        ),
        (
            #"{"a":["sales"]}"#, #"{"a":"@acme.sales"}"#,
            #"it ends with that; write {"suffix": "sales"} if that is enough"#
        ),
        (
            #"{"a":[{"wildcard":"acme*"}]}"#, #"{"a":"@acme.sales"}"#,
            #"a wildcard must fit the whole value; "#
                + #"write {"wildcard": "*acme*"} if a part is enough"#
        ),
        (#"{"a":[{"cidr":"10.0.0.0/8"}]}"#, #"{"a":"Greece"}"#, "this is no IP address"),
        (#"{"a":[{"cidr":"10.0.0.0/8"}]}"#, #"{"a":"::1"}"#, "IPv4 and IPv6 never match each other"),
    ])
    func aTrapComesWithItsFix(rule: String, event: String, hint: String) throws {
        let sentence = try #require(try explanation(rule: rule, event: event)?.sentence)
        #expect(sentence.hasSuffix(": " + hint), "\(sentence)")
    }

    @Test(arguments: [
        (#"{"a":["14810"]}"#, #"{"a":"14811"}"#), (#"{"a":["x"]}"#, #"{"a":"yz"}"#), (#"{"a":[1]}"#, #"{"a":2}"#),
        (#"{"a":[{"anything-but":"x"}]}"#, #"{"a":"x"}"#),
        (#"{"a":[{"anything-but":{"prefix":"ab"}}]}"#, #"{"a":"abc"}"#),
        (#"{"a":["de"]}"#, #"{"a":"made"}"#), (#"{"a":[{"cidr":"10.0.0.0/8"}]}"#, #"{"a":"11.0.0.1"}"#),
        (#"{"a":[{"wildcard":"*x*"}]}"#, #"{"a":"abc"}"#),
        (#"{"user.name":["x"]}"#, #"{"assignedUsers":[{"name":"x"}]}"#),
        (#"{"a":["x",{"numeric":[">",5]}]}"#, #"{"a":3}"#), (#"{"l":{"a":[{"exists":false}]}}"#, #"{"l":[{"a":1}]}"#),
        (#"{"a":["x",{"numeric":[">",5]}]}"#, #"{"a":"y"}"#), (#"{"a":[true]}"#, #"{"a":"missed"}"#),
        (#"{"a":["ab"]}"#, #"{"a":"abc"}"#), (#"{"tracking.gclid":["x"]}"#, #"{"tracking":{"utm_id":"x"}}"#),
    ])
    func whatIsNoTrapGetsNoHint(rule: String, event: String) throws {
        let sentence = try #require(try explanation(rule: rule, event: event)?.sentence)
        let (_, wanted) = try #require(sentence.split(separator: "the rule wants ").count == 2 ? (0, sentence) : nil)
        #expect(!wanted.replacing(#/\{.*\}/#, with: "").contains(": "), "\(sentence)")
    }

    @Test(arguments: [
        (
            #"{"l":{"a":[1],"b":[2]}}"#, #"{"l":[{"a":1},{"b":2}]}"#,
            "l.b has the wanted 2, but not in the element of l where l.a has 1: both must stand in one element"
        ),
        (
            #"{"x":{"l.a":[1],"l.b":[2]}}"#, #"{"x":[{"l":[{"a":1}]},{"l":[{"b":2}]}]}"#,
            "x.l.b has the wanted 2, but not in the element of x where x.l.a has 1: both must stand in one element"
        ),
        (
            #"{"l":{"a":[1],"b":[2],"c":[3]}}"#, #"{"l":[{"a":1,"b":2},{"b":2,"c":3},{"a":1,"c":3}]}"#,
            "l.c has the wanted 3 and 3, but not in the element of l where l.a has 1 and 1 and l.b has 2 and 2: "
                + "all must stand in one element"
        ),
        (
            #"{"$or":[{"l":{"a":[9]}},{"l":{"b":[2]}}],"l":{"c":[3]}}"#, #"{"l":[{"a":1,"b":2},{"c":3}]}"#,
            "l.c has the wanted 3, but not in the element of l where l.b has 2: both must stand in one element"
        ),
        (
            #"{"l":{"m":[{"exists":false}],"a":[1]}}"#, #"{"l":[{"a":1,"m":0},{"b":1}]}"#,
            #"l.m is 0, but the rule wants {"exists":false}: "#
                + "it may not be in the element of l where the other fields match"
        ),
    ])
    func fieldsInDifferentElementsAreNamedWithTheirArray(rule: String, event: String, sentence: String) throws {
        try expect(rule, event, sentence)
    }

    @Test(arguments: [
        (
            #"{"$or":[{"a":[1]},{"b":[1],"c":[1]}]}"#, #"{"b":1,"c":2}"#,
            "no branch of $or matches, and none gets further than branch 2 of 2: c is 2, but the rule wants 1"
        ),
        (
            #"{"$or":[{"a":[1]},{"b":[1]}]}"#, "{}",
            "no branch of $or matches, and none gets further than branch 1 of 2: a is missing, but the rule wants 1"
        ),
        (
            #"{"t":{"$or":[{"a":[1]},{"b":[1],"$or":[{"c":[1]},{"d":[1]},{"e":[1],"f":[1]}]}]}}"#,
            #"{"t":{"b":1,"e":1}}"#,
            "no branch of t.$or matches, and none gets further than branch 2 of 2 and in it branch 3 of 3: "
                + "t.f is missing, but the rule wants 1"
        ),
        (#"{"$or":[{"a":[1]},{"b":[1]}],"c":[1]}"#, #"{"a":1}"#, "c is missing, but the rule wants 1"),
    ])
    func ofBranchesTheOneThatGetsFurthestIsShown(rule: String, event: String, sentence: String) throws {
        try expect(rule, event, sentence)
    }

    /// What a sentence tells to write or to add does match.
    @Test(arguments: [
        (#""1""#, "1"), ("1", #""1""#), ("1", #""1.0""#), ("false", #""false""#), ("null", #""null""#),
        (#""true""#, "true"),
        (#""Missed""#, #""missed""#), (#"{"suffix":".DE"}"#, #""x.de""#), (#"{"prefix":"Ä\""}"#, #""ä\"x""#),
        (#""Jos\u00e9""#, #""Jose\u0301""#), (#""@acme.*""#, #""@acme.sales""#), (#""@acme""#, #""@acme.sales""#),
        (#""sales""#, #""@acme.sales""#), (#"{"wildcard":"acme*"}"#, #""@acme.sales""#),
        (#"{"wildcard":"acme\\*"}"#, #""xacme*.sales""#), (#"{"wildcard":"@ACME.*"}"#, #""@acme.sales""#),
        (#"{"wildcard":"*.DE"}"#, #""x.de""#), (#"{"exists":false}"#, "null"), (#"{"exists":false}"#, #""""#),
        ("null", #""""#),
        (#"{"anything-but":"x"}"#, "[]"), ("null", "{}"), (#""""#, "[]"),
    ])
    func whatASentenceTellsToWriteMatches(wanted: String, value: String) throws {
        let event = "{\"a\":\(value)}"
        let sentence = try #require(try explanation(rule: "{\"a\":[\(wanted)]}", event: event)?.sentence)
        let fix = try #require(
            sentence.firstMatch(of: #/(?:write|add) ((?:\{.*\}|"(?:[^"\\]|\\.)*"|\w+))(?: [a-z][a-z ]*)?$/#)?.output.1,
            "\(sentence)")
        #expect(answer(rule: "{\"a\":[\(fix)]}", event: event) == "MATCH", "\(sentence)")
    }

    @Test func longAndDangerousTextsAreMadeHarmless() throws {
        let long = String(repeating: "é", count: 5000)
        let found = try #require(try explanation(rule: #"{"a":["\#(long)x"]}"#, event: #"{"a":"\#(long)"}"#))
        #expect(found.sentence.unicodeScalars.count < 300)
        #expect(found.sentence.contains("… (5000 characters)"))
        let operators = (0..<9).map { "{\"anything-but\":[\"\(String(repeating: "\($0)", count: 500))\"]}" }
        let many = try explanation(
            rule: "{\"a\":[\(operators[0])]}", event: "{\"a\":\"\(String(repeating: "0", count: 500))\"}")
        #expect(try #require(many).sentence.unicodeScalars.count < 300)
        let odd = try #require(
            try explanation(
                rule: #"{"a\u001b\u202e":["\u009b2J"]}"#,
                event: #"{"a\u001b\u202e":"\u001b[2J\u200b\ud83d\ude00\ue000"}"#))
        #expect(odd.sentence.hasPrefix(#"a\u001b\u202e is "\u001b[2J\u200b😀\ue000", but the rule wants "\u009b2J""#))
        #expect(odd.path == "a\u{1b}\u{202e}")
    }

    @Test func aScriptGetsAllValuesAsTheyAre() throws {
        let found = try #require(
            try explanation(rule: #"{"a":[1.0,{"prefix":"x"}]}"#, event: #"{"a":[2e0,"\u0000",null]}"#))
        #expect(found.path == "a")
        #expect(JSONSerializer.text(.array(found.found)) == #"[2e0,"\u0000",null]"#)
        #expect(JSONSerializer.text(.array(found.wanted)) == #"[1.0,{"prefix":"x"}]"#)
    }

    @Test(.enabled(if: VectorTests.isThere, "the cases of the match language are not on this machine"))
    func everyCaseThatDoesNotMatchHasAFieldAndAReason() throws {
        let lines = try Array(Data(contentsOf: VectorTests.file)).split(separator: UInt8(ascii: "\n"))
        var explained = 0
        for (number, line) in lines.enumerated() {
            guard case .object(let entry) = try JSONValue.parse(Array(line)) else { continue }
            func text(_ key: String) -> String { if case .string(let text)? = entry[key] { text } else { "" } }
            guard ["MATCH", "no"].contains(text("expect")) else { continue }
            let found = try explanation(rule: text("rule"), event: text("event"))
            #expect((found == nil) == (text("expect") == "MATCH"), "line \(number + 1)")
            guard let found else { continue }
            explained += 1
            #expect(!found.sentence.isEmpty && !found.wanted.isEmpty, "line \(number + 1): \(found)")
            let saysNothingIsThere = found.found.isEmpty
            let claims = [" is missing, ", "which is no value", "which are no values"]
            #expect(
                claims.contains { found.sentence.contains($0) } == saysNothingIsThere, "line \(number + 1): \(found)")
        }
        #expect(explained > 100)
    }
}
