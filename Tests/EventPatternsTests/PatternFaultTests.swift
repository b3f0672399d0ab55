import EventPatterns
import JSON
import Testing

struct PatternFaultTests {
    private func faults(_ text: String) throws -> [PatternFault] {
        var limits = JSONLimits()
        limits.refusesDuplicates = false
        let node = try JSONNode.parse(Array(text.utf8), limits: limits)
        do throws(PatternFaults) {
            _ = try EventPattern.parse(node)
            return []
        } catch { return error.faults }
    }

    @Test func allFaultsOfAPatternAreReportedAtOnceInTheOrderOfTheText() throws {
        let text = #"{"a":"x","b":{},"c":[{"prefx":"p"}],"t":{"d":[{"numeric":["<",5,">",1]}, [1]]},"e":[]}"#
        let found = try faults(text)
        #expect(found.map(\.path) == ["a", "b", "c", "t.d", "t.d", "e"])
        #expect(found.map { Array(text.utf8)[$0.offset] } == Array(#""{"[[["#.utf8))
        #expect(found.map(\.offset) == [5, 13, 22, 57, 73, 83])
    }

    @Test(arguments: [
        (#"{"a":"x"}"#, #"write ["x"] instead of "x""#),
        (#"{"a":{"prefix":"x"}}"#, #"an operator stands inside a list: [{"prefix": "x"}]"#),
        (#"{"a":[{"prefx":"x"}]}"#, #"did you mean "prefix"?"#),
        (#"{"a":[{"anythingbut":"x"}]}"#, #"did you mean "anything-but"?"#),
        (#"{"a":[{"Exists":true}]}"#, #"did you mean "exists"?"#),
        (#"{"a":[{"regexp":"x"}]}"#, #"use "wildcard""#),
        (#"{"a":[{"zzzzzz":"x"}]}"#, "allowed here: prefix, suffix, equals-ignore-case, wildcard"),
        (#"{"a":[{"prefix":["x"]}]}"#, "prefix takes a string, not a list"),
        (#"{"a":[{"exists":"true"}]}"#, "exists takes true or false, not a string"),
        (#"{"a":[{}]}"#, "an empty object: write one operator an object"),
        (#"{"a":[{"prefix":"x","suffix":"y"}]}"#, "2 operators in one object"),
        (#"{"a":[{"wildcard":"a**b"}]}"#, "write one star"),
        (#"{"a":[{"wildcard":"a\\b"}]}"#, "a backslash stands before * or another backslash only"),
        (#"{"a":[{"cidr":"10.0.0.0"}]}"#, "the / is missing"),
        (#"{"a":[{"cidr":"10.0.0.0/33"}]}"#, "a number from 0 to 31"),
        (#"{"a":[{"cidr":"::/129"}]}"#, "a number from 0 to 127"),
        (#"{"a":[{"cidr":"10.0.0/8"}]}"#, "no IPv4 or IPv6 address"),
        (#"{"a":[{"anything-but":null}]}"#, "anything-but takes strings or numbers, not null"),
        (#"{"a":[{"anything-but":["x",1]}]}"#, "not empty and not mixed"),
        (#"{"a":[{"anything-but":{"numeric":["=",1]}}]}"#, #""numeric" is not allowed here"#),
        (#"{"a":[{"anything-but":{"suffix":""}}]}"#, "an empty suffix fits every string"),
        (#"{"a":[{"anything-but":1e400}]}"#, "beyond the range of a number"),
        (#"{"a":[{"numeric":["=",1e400]}]}"#, "beyond the range of a number"),
        (#"{"a":[{"numeric":[">",5,"<",5]}]}"#, "the first number must be smaller"),
        (#"{"a":[{"numeric":["=",5,"<",6]}]}"#, "numeric takes"),
        (#"{"a":[[1]]}"#, "put its values in the outer one"),
        (#"{"a":{}}"#, "an empty object matches nothing"),
        (#"{"$or":[{"a":[1]}]}"#, "at least two objects"),
        (#"{"$or":[{"a":[1]},{}]}"#, "each entry of $or is an object"),
        (#"{"$or":[{"prefix":[1]},{"b":[1]}]}"#, "prefix is an operator"),
        (#"{"b":[1],"$or":[{"a":[1]},{"b":[2]}]}"#, "stands inside $or and outside of it"),
        (#"{"a":[1],"a":[2]}"#, #"the key "a" stands here twice"#),
        (#"{"p.a":[1],"p":{"a":[2]}}"#, "the field p.a stands in this match already"),
        (#"[]"#, "not a list"),
        (#""otherwise""#, "not a string"),
    ])
    func aFaultSaysWhatIsAllowed(text: String, message: String) throws {
        let found = try faults(text)
        #expect(found.count == 1)
        #expect(found.first?.message.contains(message) == true, "\(found)")
    }

    @Test func alternativesThatMultiplyToMoreThanAThousandAreRefused() throws {
        func list(_ name: String, _ count: Int) -> String {
            "\"\(name)\":{\"$or\":[" + (0..<count).map { "{\"\($0)\":[1]}" }.joined(separator: ",") + "]}"
        }
        #expect(try faults("{\(list("a", 10)),\(list("b", 100))}").isEmpty)
        let tooMany = try faults("{\(list("a", 10)),\(list("b", 101)),\"c\":1}")
        #expect(tooMany.map(\.path) == ["b.$or", "c"])
        // Many lists must not be multiplied out before they are refused.
        let many = "{" + (0..<60).map { list("n\($0)", 2) }.joined(separator: ",") + "}"
        #expect(try !faults(many).isEmpty)
    }

    @Test(
        arguments: [
            ("prefx", "prefix"), ("suffux", "suffix"), ("EXISTS", "exists"), ("wild-card", "wildcard"),
            ("equal-ignore-case", "equals-ignore-case"), ("xeists", "exists"), ("q", nil), ("telephone", nil),
        ] as [(String, String?)])
    func theNearestSpellingIsFoundAndNoFarOne(written: String, meant: String?) {
        let names = ["prefix", "suffix", "equals-ignore-case", "wildcard", "exists"]
        #expect(Spelling.nearest(to: written, among: names) == meant)
    }
}
