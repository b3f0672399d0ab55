import EventPatterns
import JSON
import Testing

/// The index against every pattern judged by itself.
struct IndexTests {
    private static let seed: UInt64 = 20_261

    private func set(_ patterns: [String]) throws -> PatternSet {
        try PatternSet(patterns.map { try EventPattern.parse(JSONNode.parse(Array($0.utf8))) })
    }

    /// What matches without the index.
    private func oneByOne(_ patterns: PatternSet, _ event: FlatEvent) throws -> [Int] {
        try patterns.patterns.indices.filter { try patterns.firstFailure(of: $0, in: event) == nil }
    }

    @Test func theIndexFindsWhatEveryPatternJudgedByItselfSays() throws {
        var world = RandomPatterns(random: SeededGenerator(seed: IndexTests.seed))
        var pairs = 0
        var matched = 0
        for round in 0..<4000 {
            let count = round % 50 == 0 ? 200 : 1 + world.random.below(12)
            let texts = (0..<count).map { _ in world.pattern() }
            let patterns = try set(texts)
            for _ in 0..<6 {
                let text = world.event()
                let event = try FlatEvent(parsing: Array(text.utf8), paths: patterns.paths)
                let expected = try oneByOne(patterns, event)
                let found = try patterns.matches(event)
                guard found == expected else {
                    let wrong = Set(found).symmetricDifference(expected).map { texts[$0] }
                    Issue.record("seed \(IndexTests.seed), round \(round): \(found), not \(expected): \(wrong) \(text)")
                    return
                }
                pairs += count
                matched += expected.count
            }
        }
        #expect(matched * 100 >= pairs * 30, "too few pairs match to show anything: \(matched) of \(pairs)")
    }

    @Test func aTableOfAlternativesAnswersLikeEachOfThem() throws {
        var world = RandomPatterns(random: SeededGenerator(seed: IndexTests.seed))
        var matched = 0
        for round in 0..<1500 {
            let texts = (0..<(9 + world.random.below(12))).map { _ in world.alternative() }
            let together = try set(["{\"a\":[\(texts.joined(separator: ","))]}"])
            let alone = try set(texts.map { "{\"a\":[\($0)]}" })
            for _ in 0..<4 {
                let text = world.event()
                let event = try FlatEvent(parsing: Array(text.utf8), paths: alone.paths)
                let expected = try !oneByOne(alone, event).isEmpty
                let found = try together.firstFailure(of: 0, in: event) == nil
                #expect(found == expected, "seed \(IndexTests.seed), round \(round): \(texts) \(text)")
                if expected { matched += 1 }
            }
        }
        #expect((1800...5000).contains(matched), "too few events match, or too few do not: \(matched) of 6000")
    }

    @Test func whatNoneOfManyValuesMayBeIsWhatEachOfThemMayNotBe() throws {
        let numbers = (0..<40).map { "\($0)" }
        let texts = numbers.map { "\"t\($0)\"" }
        let patterns = try set([
            "{\"a\":[{\"anything-but\":[\(numbers.joined(separator: ","))]}]}",
            "{\"a\":[{\"anything-but\":[\(texts.joined(separator: ","))]}]}",
            "{\"a\":[{\"anything-but\":{\"prefix\":[\(texts.joined(separator: ","))]}}]}",
        ])
        for (event, expected) in [
            ("1", [1, 2]), ("1.50e1", [1, 2]), ("41", [0, 1, 2]), ("-0.0", [1, 2]), ("\"t7\"", [0]),
            ("\"t7x\"", [0, 1]),
            ("\"\\u00747\"", [0]), ("\"x\"", [0, 1, 2]), ("null", [0, 1, 2]), ("[1,\"t1\"]", [0, 1, 2]),
        ] {
            #expect(try patterns.matches(Array("{\"a\":\(event)}".utf8)) == expected, "\(event)")
        }
    }

    @Test(.enabled(if: VectorTests.isThere, "the cases of the match language are not on this machine"))
    func everyCaseOfTheMatchLanguageAnswersInOneSetWithAllOthers() throws {
        let entries = try VectorTests.cases()
        var patterns: [EventPattern] = []
        var numbers: [Int: Int] = [:]
        for (line, entry) in entries.enumerated() {
            guard let node = try? JSONNode.parse(Array(entry.rule.utf8)), let pattern = try? EventPattern.parse(node)
            else {
                continue
            }
            numbers[line] = patterns.count
            patterns.append(pattern)
        }
        let all = PatternSet(patterns)
        for (line, entry) in entries.enumerated() {
            guard let event = try? FlatEvent(parsing: Array(entry.event.utf8), paths: all.paths) else {
                #expect(entry.expect.hasSuffix("-ERR"), "\(entry.name)")
                continue
            }
            let found = try all.matches(event)
            #expect(try found == oneByOne(all, event), "\(entry.name)")
            guard let number = numbers[line] else { continue }
            #expect(found.contains(number) == (entry.expect == "MATCH"), "\(entry.name)")
        }
    }
}
