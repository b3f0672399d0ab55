import JSON
import Testing

@testable import EventPatterns

/// Whatever two alternatives are said to have to do with each other holds for every value that is tried.
struct ConditionComparisonTests {
    private static let texts = [
        "", "a", "A", "b", "ab", "Ab", "aB", "ba", "aba", "abab", "bb", "*", "a*b", "1", "é", "É", "10.1.2.3",
        "10.0.0.1",
    ]

    private static func conditions() throws -> [Condition] {
        var alternatives = ["null", "true", "false", "0", "1", "1.0", "2", #"{"exists":true}"#, #"{"exists":false}"#]
        alternatives += ["=", "<", "<=", ">", ">="].map { #"{"numeric":["\#($0)",1]}"# }
        alternatives += [#"{"numeric":[">",0,"<=",2]}"#, #"{"cidr":"10.0.0.0/8"}"#, #"{"cidr":"10.0.0.0/16"}"#]
        for text in texts {
            let quoted = JSONSerializer.quoted(text)
            alternatives += [quoted, #"{"prefix":\#(quoted)}"#, #"{"suffix":\#(quoted)}"#]
            alternatives += ["equals-ignore-case", "wildcard"].map { #"{"\#($0)":\#(quoted)}"# }
            alternatives += ["prefix", "suffix"].map { #"{"\#($0)":{"equals-ignore-case":\#(quoted)}}"# }
            alternatives += [#"{"anything-but":\#(quoted)}"#, #"{"anything-but":["b",\#(quoted)]}"#]
            alternatives += [#"{"anything-but":{"prefix":["b",\#(quoted)]}}"#].filter { _ in !text.isEmpty }
            alternatives += [JSONSerializer.quoted(text + "*"), JSONSerializer.quoted("*" + text + "*a")]
                .filter { !$0.contains("**") }.map { #"{"wildcard":\#($0)}"# }
        }
        alternatives += [#"{"anything-but":1}"#, #"{"anything-but":[1,2]}"#]
        let text = #"{"a":[\#(alternatives.joined(separator: ","))]}"#
        return try EventPattern.parse(JSONNode.parse(Array(text.utf8))).fields[0].alternatives.conditions
    }

    private static func satisfied(_ condition: Condition) -> [Bool] {
        let numbers = ["-1", "0", "0.5", "1", "1e0", "2", "3"].map {
            condition.isSatisfied(by: .number(Double($0) ?? 0), Array($0.utf8).span)
        }
        let none: [UInt8] = []
        return numbers + texts.map { condition.isSatisfied(by: .string, Array($0.utf8).span) }
            + [.null, .bool(true), .bool(false)].map { condition.isSatisfied(by: $0, none.span) }
    }

    @Test func coveringAndBeingDisjointAreNeverClaimedFalsely() throws {
        let conditions = try Self.conditions()
        let answers = conditions.map(Self.satisfied)
        var covering = 0
        var disjoint = 0
        for (left, mine) in zip(conditions, answers) {
            for (right, theirs) in zip(conditions, answers) {
                let pairs = zip(mine, theirs)
                if left.covers(right) {
                    covering += 1
                    #expect(!pairs.contains { !$0 && $1 }, "\(left) covers \(right)")
                }
                if left.isDisjoint(from: right) {
                    disjoint += 1
                    #expect(!pairs.contains { $0 && $1 }, "\(left) and \(right)")
                }
            }
        }
        #expect(covering > 1000 && disjoint > 1000)
    }

    @Test func plainerWordsSayTheSame() throws {
        for condition in try Self.conditions() {
            #expect(Self.satisfied(condition) == Self.satisfied(condition.simplest), "\(condition)")
        }
    }
}
