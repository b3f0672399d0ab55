import EventPatterns
import JSON
import Testing

/// Random rules and events: the explanation agrees with the matcher, and what it blames is worth mending.
struct ExplanationPropertyTests {
    private static let seed: UInt64 = 90_210

    /// Small on purpose, so that many pairs nearly match.
    private struct Generator: RandomNumberGenerator {
        private var state = ExplanationPropertyTests.seed

        /// SplitMix64 (Steele, Lea, Flood).
        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var word = (state ^ state >> 30) &* 0xBF58_476D_1CE4_E5B9
            word = (word ^ word >> 27) &* 0x94D0_49BB_1331_11EB
            return word ^ word >> 31
        }

        mutating func pick<Element>(_ list: [Element]) -> Element { list[Int.random(in: 0..<list.count, using: &self)] }

        mutating func event(arrays: Bool) -> [String: String] {
            var event: [String: String] = [:]
            for path in ["a", "b", "c", "d", "t.x", "t.y"] {
                let value = pick(["", "", "0", "1", "\"x\"", "null", arrays ? "[0,1]" : "1", arrays ? "[[0],[]]" : "0"])
                if !value.isEmpty { event[path] = value }
            }
            if arrays {
                for list in ["l", "m"] {
                    let elements = (0..<3).map { _ in
                        let members = ["p", "q", "r"].compactMap { name in
                            let value = pick(["", "0", "1", "[0,1]"])
                            return value.isEmpty ? nil : "\"\(name)\":\(value)"
                        }
                        return "{\(members.joined(separator: ","))}"
                    }
                    event[list] = "[\(elements.joined(separator: ","))]"
                }
            }
            return event
        }

        /// The alternatives of a field: the first one says how to satisfy it.
        mutating func alternatives() -> [String] {
            let all = [
                "0", "1", "\"x\"", "null", "{\"exists\":true}", "{\"exists\":false}", "{\"anything-but\":[0,1]}",
                "{\"prefix\":\"x\"}", "{\"numeric\":[\">\",0]}",
            ]
            return Array(all.shuffled(using: &self).prefix(pick([1, 1, 2])))
        }

        /// Members of an object with the paths in each; at most one is an `$or`.
        mutating func members(_ paths: inout [String], depth: Int, wishes: inout [String: String]) -> [Member] {
            var members: [Member] = []
            for _ in 0..<pick([1, 2, 2, 3]) {
                let before = paths
                var text = ""
                if depth < 2, pick([0, 1, 2]) == 0, !members.contains(where: { $0.text.hasPrefix("\"$or\"") }) {
                    let branches = (0..<pick([2, 2, 3])).map { _ in
                        self.members(&paths, depth: depth + 1, wishes: &wishes).map(\.text).joined(separator: ",")
                    }.filter { !$0.isEmpty }
                    if branches.count == 1 { text = branches[0] }
                    if branches.count > 1 { text = "\"$or\":[\(branches.map { "{\($0)}" }.joined(separator: ","))]" }
                } else if let path = paths.popLast() {
                    let alternatives = alternatives()
                    wishes[path] = alternatives[0]
                    text = "\"\(path)\":[\(alternatives.joined(separator: ","))]"
                }
                if !text.isEmpty {
                    members.append(Member(text: text, paths: Array(before.suffix(before.count - paths.count))))
                }
            }
            return members
        }
    }

    private struct Member {
        let text: String
        let paths: [String]
    }

    private func rule(_ members: some Sequence<Member>) -> String {
        "{" + members.map(\.text).joined(separator: ",") + "}"
    }

    private func text(_ event: [String: String]) -> String {
        "{" + event.sorted { $0.key < $1.key }.map { "\"\($0.key)\":\($0.value)" }.joined(separator: ",") + "}"
    }

    private func failure(_ patterns: PatternSet, _ event: String) throws -> FieldFailure? {
        try patterns.firstFailure(of: 0, in: FlatEvent(parsing: Array(event.utf8), paths: patterns.paths))
    }

    @Test func anExplanationIsThereExactlyWhereTheRuleDoesNotMatch() throws {
        var generator = Generator()
        var counts: [Bool: Int] = [:]
        for _ in 0..<4000 {
            var paths = ["a", "b", "t.x", "l.p", "l.q", "l.r", "m.p", "m.q"].shuffled(using: &generator)
            var wishes: [String: String] = [:]
            let rule = rule(generator.members(&paths, depth: 0, wishes: &wishes))
            let event = text(generator.event(arrays: true))
            guard let node = try? JSONNode.parse(Array(rule.utf8)), (try? EventPattern.parse(node)) != nil else {
                continue
            }
            let found = try explanation(rule: rule, event: event)
            counts[found == nil, default: 0] += 1
            if let found { #expect(wishes[found.path] != nil && !found.sentence.isEmpty, "\(rule) \(event) \(found)") }
        }
        #expect(counts[true, default: 0] > 400 && counts[false, default: 0] > 400, "\(counts)")
    }

    /// Mending the field that is blamed gets the rule further: it is no field that an other branch makes needless.
    @Test func mendingTheFieldThatIsBlamedChangesTheAnswer() throws {
        var generator = Generator()
        var mended = 0
        var matched = 0
        for _ in 0..<4000 {
            var paths = ["a", "b", "c", "d", "t.x", "t.y"].shuffled(using: &generator)
            var wishes: [String: String] = [:]
            let rule = rule(generator.members(&paths, depth: 0, wishes: &wishes))
            guard let patterns = try? PatternSet([EventPattern.parse(JSONNode.parse(Array(rule.utf8)))]) else {
                continue
            }
            var event = generator.event(arrays: false)
            var blamed: [Int] = []
            while let failure = try failure(patterns, text(event)) {
                #expect(!blamed.contains(failure.field), "\(rule) \(text(event)) blames again, after \(blamed)")
                guard !blamed.contains(failure.field) else { break }
                blamed.append(failure.field)
                let path = patterns.patterns[0].fields[failure.field].path
                event[path] = value(satisfying: wishes[path] ?? "")
                mended += 1
            }
            matched += 1
        }
        #expect(mended > 3000 && matched > 3000, "\(mended) mended, \(matched) matched")
    }

    /// All that stands in front of the member that is blamed holds, so that no field behind it is blamed too early, and
    /// none in front of it could be left as it is.
    @Test func theMemberThatIsBlamedIsTheFirstThatDoesNotHold() throws {
        var generator = Generator()
        var inBranches = 0
        for _ in 0..<4000 {
            var paths = ["a", "b", "c", "d", "t.x", "t.y"].shuffled(using: &generator)
            var wishes: [String: String] = [:]
            let members = generator.members(&paths, depth: 0, wishes: &wishes)
            let event = text(generator.event(arrays: false))
            guard (try? EventPattern.parse(JSONNode.parse(Array(rule(members).utf8)))) != nil else { continue }
            let first = members.indices.first { answer(rule: rule(members.prefix($0 + 1)), event: event) == "no" }
            let blamed = try explanation(rule: rule(members), event: event)?.path
            #expect((first == nil) == (blamed == nil))
            guard let first, let blamed else { continue }
            #expect(members[first].paths.contains(blamed), "\(rule(members)) \(event) blames \(blamed)")
            if members[first].text.hasPrefix("\"$or\"") { inBranches += 1 }
        }
        #expect(inBranches > 300, "\(inBranches)")
    }

    private func value(satisfying alternative: String) -> String? {
        switch alternative {
        case "{\"exists\":true}", "{\"numeric\":[\">\",0]}": "1"
        case "{\"exists\":false}": nil
        case "{\"anything-but\":[0,1]}", "{\"prefix\":\"x\"}": "\"x\""
        default: alternative
        }
    }
}
