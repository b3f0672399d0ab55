import JSON
import Testing

@testable import EventPatterns

/// Events and rules that are built to be slow: each is answered within the effort for one event, or refused by name.
///
/// The effort counts comparisons and bytes, not time, so these tests say the same on any machine.
struct HostileTests {
    private func set(_ patterns: [String]) throws -> PatternSet {
        try PatternSet(patterns.map { try EventPattern.parse(JSONNode.parse(Array($0.utf8))) })
    }

    /// What becomes of `{"a": value}`.
    private func fault(_ patterns: [String], _ value: String) throws -> EventFault? {
        let patterns = try set(patterns)
        do throws(EventFault) {
            _ = try patterns.matches(Array("{\"a\":\(value)}".utf8))
            return nil
        } catch { return error }
    }

    private func numbered(_ count: Int, _ text: (Int) -> String) -> String {
        (0..<count).map(text).joined(separator: ",")
    }

    @Test func tenThousandAlternativesAreNotTriedOneByOne() throws {
        let values = "[\(numbered(20_000) { "\"x\($0)\"" })]"
        let alternatives = [
            numbered(10_000) { "\"\($0)\"" }, numbered(10_000) { "\($0)" },
            numbered(10_000) { "{\"prefix\":\"y\($0)\"}" },
            numbered(10_000) { "{\"suffix\":\"y\($0)\"}" }, numbered(10_000) { "{\"equals-ignore-case\":\"\($0)\"}" },
            "{\"anything-but\":[\(numbered(20_000) { "\"x\($0)\"" })]}",
        ]
        for list in alternatives {
            let patterns = try set(["{\"a\":[\(list)]}"])
            let event = try FlatEvent(parsing: Array("{\"a\":\(values)}".utf8), paths: patterns.paths)
            #expect(try patterns.matches(event).isEmpty, "\(list.prefix(40))")
            // Without the index of the rules it is the field's own table that answers.
            #expect(try patterns.firstFailure(of: 0, in: event)?.reason == .unwanted, "\(list.prefix(40))")
        }
    }

    @Test func tenThousandRulesAreNotHeldAgainstEachValue() throws {
        let rules = (0..<10_000).map { "{\"a\":[\"\($0)\"],\"b\":[{\"prefix\":\"\($0)\"}]}" }
        let patterns = try set(rules)
        let values = numbered(20_000) { "\"x\($0)\"" }
        #expect(try patterns.matches(Array("{\"a\":[\(values),\"77\"],\"b\":[\(values),\"770\"]}".utf8)) == [77])
    }

    @Test func rulesOfOneLinkAreAllFound() throws {
        let patterns = try set((0..<10_000).map { "{\"a\":[\"x\"],\"n\":[{\"numeric\":[\">\",\($0)]}]}" })
        #expect(try patterns.matches(Array(#"{"a":"x","n":4999.5}"#.utf8)) == Array(0..<5000))
        #expect(try patterns.matches(Array(#"{"a":["x","x","x"],"n":[2,3,1]}"#.utf8)) == [0, 1, 2])
    }

    @Test func whatNoTableCanAnswerEndsWithAReason() throws {
        let values = "[\(numbered(20_000) { "\"x\($0)\"" })]"
        let rules = (0..<1000).map { "{\"a\":[{\"anything-but\":{\"prefix\":\"x\"}},\"\($0)\"]}" }
        #expect(try fault(rules, values) == .tooCostly)
        #expect(try fault(Array(rules.prefix(3)), values) == nil)
        let text = "\"\(String(repeating: "ab", count: 130_000))\""
        let wildcards = (0..<100).map { "{\"a\":[{\"wildcard\":\"*a*b\($0)*\"}]}" }
        #expect(try fault(wildcards, text) == .tooCostly)
        #expect(try fault(Array(wildcards.prefix(10)), text) == nil)
        let together = numbered(100) { "{\"wildcard\":\"a*a*b\($0)*\"}" }
        #expect(try fault(["{\"a\":[\(together)]}"], text) == .tooCostly)
    }

    @Test func listsThatAreTooEntangledEndWithAReason() throws {
        let (rule, event) = HostileTests.entangled(variables: 40, clauses: 180)
        let patterns = try set([rule])
        #expect(throws: EventFault.tooEntangled) { try patterns.matches(Array(event.utf8)) }
        let (small, solvable) = HostileTests.entangled(variables: 20, clauses: 40)
        #expect(try set([small]).matches(Array(solvable.utf8)) == [0])
    }

    /// Random clauses of three literals as fields, variables as lists of two elements: which elements go together is
    /// what solves the clauses. Dotted keys let lists at all heights hold values of the same path.
    private static func entangled(variables: Int, clauses: Int) -> (rule: String, event: String) {
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
        let fields = (0..<clauses).map { "\"c\($0)\":[1]" }.joined(separator: ",")
        return ("{\"\(path)\":{\(fields)}}", "{\(lists.joined(separator: ","))}")
    }

    @Test func everyLetterIsFoldedToItsSimpleLowerCase() {
        var changed = 0
        for value in UInt32(1)...0x1FFFF {
            guard let scalar = Unicode.Scalar(value) else { continue }
            let mapped = scalar.properties.lowercaseMapping.unicodeScalars
            let expected = mapped.count == 1 ? String(mapped) : String(scalar)
            let folded = CaseFolding.fold(String(scalar))
            guard folded != Array(expected.utf8) else {
                if expected.unicodeScalars.first != scalar { changed += 1 }
                continue
            }
            Issue.record("U+\(String(value, radix: 16)) became \(folded)")
            return
        }
        #expect(changed > 1300)
    }

    /// Done without optimization in a time that any blow-up would exceed many times over.
    @Test func longTextsAreFoldedInOnePass() throws {
        let wanted = String(repeating: "\u{C9}", count: 100)
        let rules = (0..<10).map {
            "{\"a\":[{\"equals-ignore-case\":\"\(wanted)\($0)\"},{\"suffix\":\"\u{E9}\($0)\"}]}"
        }
        let texts = "[\(String(repeating: "\"\u{C9}\u{1E00}\",", count: 25_000))1]"
        var found: EventFault?
        let time = try ContinuousClock().measure { found = try fault(rules, texts) }
        #expect(found == nil)
        #expect(time < .seconds(2))
    }
}
