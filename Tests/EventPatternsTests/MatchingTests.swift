import EventPatterns
import JSON
import Testing

struct MatchingTests {
    private func set(_ patterns: String...) throws -> PatternSet {
        try PatternSet(patterns.map { try EventPattern.parse(JSONNode.parse(Array($0.utf8))) })
    }

    @Test func eachPatternOfASetAnswersForItself() throws {
        let patterns = try set(
            #"{"link":["@acme.sales",{"prefix":"@acme.sales-"}],"resolution":["missed","declined"]}"#, "{}",
            #"{"tracking":{"customer_id":[{"exists":true}]}}"#, #"{"tracking.customer_id":[{"exists":false}]}"#)
        let event = #"{"link":"@acme.sales-eu","resolution":"missed","tracking":{"customer_id":"1"},"new":[{"x":{}}]}"#
        #expect(try patterns.matches(Array(event.utf8)) == [0, 1, 2])
        #expect(try patterns.matches(Array("{}".utf8)) == [1, 3])
        #expect(try PatternSet([]).matches(Array("{}".utf8)).isEmpty)
    }

    @Test(arguments: [
        (#"{"link":1,"x":0,"link":2}"#, #"duplicate key "link" at 1:17"#),
        ("{\"a\":\n{\"b\":[{\"c\":1,\"c\":2}]}}", #"duplicate key "c" at 2:14"#),
        ("[1]", "the body is a list, not a JSON object"),
        ("\"x\"", "the body is a single value, not a JSON object"),
        ("", "the text ends too early: a closing bracket, brace or quote is missing at 1:1"),
        ("{} {}", "text after the end of the JSON value at 1:4"),
        (#"{"a":"\ud800"}"#, "half of a surrogate pair in a \\u escape at 1:7"),
        ("\u{FEFF}{}", "byte order mark at 1:1"),
        (String(repeating: "{\"a\":", count: 65), "nested deeper than 64 levels at 1:321"),
    ])
    func anEventThatCannotBeMatchedSaysWhy(event: String, reason: String) throws {
        for patterns in [try set("{}"), try set(#"{"a":{"b":{"c":[1]}},"link":[1]}"#), PatternSet([])] {
            do throws(EventFault) {
                _ = try patterns.matches(Array(event.utf8))
                Issue.record("the event was accepted")
            } catch { #expect(error.reason == reason) }
        }
    }

    @Test func aLongKeyIsCutInTheReason() {
        let key = String(repeating: "k", count: 5000)
        #expect {
            try PatternSet([]).matches(Array("{\"\(key)\":1,\"\(key)\":2}".utf8))
        } throws: {
            ($0 as? EventFault).map { $0.reason.utf8.count < 120 } == true
        }
    }

    @Test(arguments: [
        (#"{"a":[1],"b":[2]}"#, #"{"a":1}"#, "b", FieldFailure.Reason.missing),
        (#"{"a":[1],"b":[2]}"#, #"{"a":2}"#, "a", .unwanted),
        (#"{"a":[{"exists":false}],"b":[2]}"#, #"{"a":null,"b":2}"#, "a", .present),
        (#"{"l":{"a":[1],"b":[2],"c":[3]}}"#, #"{"l":[{"a":1},{"b":2,"c":3}]}"#, "l.b", .otherElement),
        (#"{"l":{"a":[1],"b":[2],"c":[3]}}"#, #"{"l":[{"a":1,"b":2},{"b":2,"c":3}]}"#, "l.c", .otherElement),
        (#"{"l":{"m":[{"exists":false}],"a":[1]}}"#, #"{"l":[{"a":1,"m":0},{"b":1}]}"#, "l.m", .present),
        (#"{"x":[1],"$or":[{"a":[1],"b":[1]},{"c":[1]}]}"#, #"{"x":1,"a":1,"b":0}"#, "b", .unwanted),
        (#"{"x":[1],"$or":[{"a":[1],"b":[1]},{"c":[1]}]}"#, #"{"x":1,"a":0,"b":1}"#, "a", .unwanted),
        (#"{"$or":[{"a":[1]},{"b":[1]},{"c":[1]}]}"#, #"{"b":2,"c":2}"#, "b", .unwanted),
        (#"{"$or":[{"a":[1],"b":[1],"c":[1]},{"d":[1]}],"x":[1]}"#, #"{"a":1,"b":1,"d":1}"#, "x", .missing),
        (#"{"$or":[{"a":[1]},{"b":[1],"$or":[{"c":[1]},{"d":[1],"e":[1]}]}]}"#, #"{"b":1,"d":1}"#, "e", .missing),
    ])
    func theFirstFieldThatFailsIsNamed(
        pattern: String, event: String, path: String, reason: FieldFailure.Reason
    ) throws {
        let patterns = try set(pattern)
        let flat = try FlatEvent(parsing: Array(event.utf8), paths: patterns.paths)
        let failure = try #require(try patterns.firstFailure(of: 0, in: flat))
        #expect(patterns.patterns[0].fields[failure.field].path == path)
        #expect(failure.reason == reason)
    }

    @Test(arguments: [
        (#"{"a.b":{"c":[1]}}"#, #"{"a":{"b.c":1}}"#, "MATCH"),
        (#"{"a":{"":[1]}}"#, #"{"a.":1}"#, "MATCH"),
        (#"{"a..b":[1]}"#, #"{"a":{"":{"b":1}}}"#, "MATCH"),
        (#"{"a":[1]}"#, #"{"a.b":1}"#, "no"),
        (#"{"a.b":[1]}"#, #"{"a":1}"#, "no"),
        (#"{"a.b":[{"exists":false}]}"#, #"{"a":{"b":[[],{}]}}"#, "MATCH"),
        (#"{"p":{"a":[1]},"p.b":[2]}"#, #"{"p":[{"a":1},{"b":2}]}"#, "no"),
        (#"{"p":{"a":[1]},"p.b":[2]}"#, #"{"p":[{"a":1},{"b":0}],"p.b":2}"#, "MATCH"),
        (#"{"l":{"n":["x"],"m":[2,{"exists":false}]}}"#, #"{"l":[{"n":"x","m":1},{"n":"x"}]}"#, "MATCH"),
        (#"{"l":{"n":["x"],"m":[2,{"exists":false}]}}"#, #"{"l":[{"n":"x","m":1},{"n":"y"}]}"#, "no"),
        (#"{"a":[{"cidr":"::ffff:0:0/96"}]}"#, #"{"a":"::FFFF:10.0.0.1"}"#, "MATCH"),
        (#"{"a":[{"cidr":"::/0"}]}"#, #"{"a":"1::2::3"}"#, "no"),
        (#"{"a":[{"cidr":"::/0"}]}"#, #"{"a":"1:2:3:4:5:6:7"}"#, "no"),
        (#"{"a":[{"cidr":"::/0"}]}"#, #"{"a":"1:2:3:4:5:6:7::"}"#, "MATCH"),
        (#"{"a":[{"cidr":"10.0.0.0/08"}]}"#, #"{"a":"10.1.1.1"}"#, "MATCH"),
        (#"{"a":[{"wildcard":"*ab*ab"}]}"#, #"{"a":"xab"}"#, "no"),
        (#"{"a":[{"wildcard":"*aab*b"}]}"#, #"{"a":"aaaabb"}"#, "MATCH"),
        (#"{"a":[{"wildcard":"ab*ba"}]}"#, #"{"a":"aba"}"#, "no"),
        (#"{"a":[{"prefix":{"equals-ignore-case":"K"}}]}"#, #"{"a":"\u212Ax"}"#, "MATCH"),
        (#"{"a":["\u0000"]}"#, #"{"a":"\u0000"}"#, "MATCH"),
        (#"{"a":["x\"y"]}"#, #"{"a":"x\u0022y"}"#, "MATCH"),
        (#"{"a":[{"anything-but":{"equals-ignore-case":["X","Y"]}}]}"#, #"{"a":["x","y"]}"#, "no"),
        (#"{"$or":[{"a":[1]},{"b":[1]}],"c":{"$or":[{"a":[1]},{"b":[1]}]}}"#, #"{"b":1,"c":{"a":1}}"#, "MATCH"),
        (#"{"k\u00e9y":[1]}"#, #"{"ke\u0301y":1}"#, "no"),
    ])
    func oddPathsArraysAndOperatorsAnswer(rule: String, event: String, expected: String) {
        #expect(answer(rule: rule, event: event) == expected)
    }

    @Test func manyNamesAreFoundAgain() throws {
        let patterns = try PatternSet(
            (0..<3000).map { try EventPattern.parse(JSONNode.parse(Array("{\"t\":{\"n\($0)\":[\($0)]}}".utf8))) })
        let event = "{\"t\":{" + (0..<3000).map { "\"n\($0)\":\($0 % 2 == 0 ? $0 : -1)" }.joined(separator: ",") + "}}"
        #expect(try patterns.matches(Array(event.utf8)) == (0..<3000).filter { $0 % 2 == 0 })
    }
}
