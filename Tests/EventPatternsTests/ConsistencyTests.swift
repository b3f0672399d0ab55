import EventPatterns
import JSON
import Testing

/// Array consistency against an evaluator that simply tries every choice of values.
struct ConsistencyTests {
    private static let seed: UInt64 = 4_711

    private struct Placed {
        let path: String
        let value: Int
        /// The element in each array around the value.
        let elements: [Int: Int]
    }

    private struct Field {
        let path: String
        let wanted: Int?
        let allowsAbsence: Bool
    }

    /// Numbers the arrays in the order of the text and lists the values.
    private static func flatten(
        _ value: JSONValue, _ path: String?, _ elements: [Int: Int], _ arrays: inout Int, _ found: inout [Placed]
    ) {
        switch value {
        case .number(let number):
            found.append(Placed(path: path ?? "", value: Int(number.int64 ?? 0), elements: elements))
        case .array(let list):
            arrays += 1
            let array = arrays
            for (index, element) in list.enumerated() {
                flatten(element, path, elements.merging([array: index]) { $1 }, &arrays, &found)
            }
        case .object(let object):
            for member in object.members {
                flatten(member.value, path.map { $0 + "." + member.key } ?? member.key, elements, &arrays, &found)
            }
        default: break
        }
    }

    private static func agree(_ left: [Int: Int], _ right: [Int: Int]) -> Bool {
        left.allSatisfy { right[$0.key] == nil || right[$0.key] == $0.value }
    }

    private static func matches(
        _ fields: ArraySlice<Field>, _ values: [Placed], _ chosen: [[Int: Int]], _ absent: [String]
    ) -> Bool {
        guard let field = fields.first else {
            return !values.contains { value in
                absent.contains(value.path) && chosen.allSatisfy { agree(value.elements, $0) }
            }
        }
        let rest = fields.dropFirst()
        for value in values where value.path == field.path && value.value == field.wanted {
            guard chosen.allSatisfy({ agree(value.elements, $0) }) else { continue }
            if matches(rest, values, chosen + [value.elements], absent) { return true }
        }
        return field.allowsAbsence && matches(rest, values, chosen, absent + [field.path])
    }

    private struct Generator {
        var random = SeededGenerator(seed: ConsistencyTests.seed)

        mutating func pick(_ count: Int) -> Int { Int.random(in: 0..<count, using: &random) }

        mutating func value(_ depth: Int) -> JSONValue {
            switch pick(depth > 4 ? 1 : 5) {
            case 0, 1: return .number(JSONNumber(pick(2)))
            case 2, 3: return .array((0..<pick(4)).map { _ in value(depth + 1) })
            default: return object(depth)
            }
        }

        mutating func object(_ depth: Int) -> JSONValue {
            let keys = ["a", "b", "a.b", "b.a", "c"].filter { _ in pick(2) == 0 }
            return .object(JSONObject(keys.map { JSONObject.Member(key: $0, value: value(depth + 1)) }))
        }

        mutating func fields() -> [Field] {
            let paths = ["a", "b", "c", "a.b", "a.c", "b.a", "b.c", "a.b.c", "a.a.b", "a.b.a", "b.a.c"]
            return paths.shuffled(using: &random).prefix(1 + pick(4)).map { path in
                let kind = pick(5)
                return Field(path: path, wanted: kind == 0 ? nil : pick(2), allowsAbsence: kind < 2)
            }
        }
    }

    @Test func theSearchAgreesWithTryingEveryChoice() throws {
        var generator = Generator()
        var matched = 0
        for round in 0..<6000 {
            let event = generator.object(0)
            let fields = generator.fields()
            var arrays = 0
            var values: [Placed] = []
            ConsistencyTests.flatten(event, nil, [:], &arrays, &values)
            let expected = ConsistencyTests.matches(fields[...], values, [], [])
            let members = fields.map { field in
                var alternatives = field.wanted.map { ["\($0)"] } ?? []
                if field.allowsAbsence { alternatives.append("{\"exists\":false}") }
                return "\"\(field.path)\":[\(alternatives.joined(separator: ","))]"
            }
            let rule = "{\(members.joined(separator: ","))}"
            let text = JSONSerializer.text(event)
            let found = answer(rule: rule, event: text)
            let label = "seed \(ConsistencyTests.seed), round \(round): \(rule) \(text)"
            #expect(found == (expected ? "MATCH" : "no"), "\(label)")
            if expected { matched += 1 }
        }
        #expect(matched > 600, "too few pairs match to show anything: \(matched)")
    }

    private func time(_ rule: String, _ event: String) throws -> Duration {
        let patterns = try PatternSet([EventPattern.parse(JSONNode.parse(Array(rule.utf8)))])
        let bytes = Array(event.utf8)
        return try ContinuousClock().measure { _ = try patterns.matches(bytes) }
    }

    /// Done without optimization in a time that any blow-up would exceed many times over.
    @Test func whatIsBuiltToBeSlowIsNot() throws {
        let many = "{\"l\":[" + (0..<12_000).map { "{\"n\":1,\"m\($0 % 2)\":1}" }.joined(separator: ",") + "]}"
        #expect(try time(#"{"l":{"n":[1],"m0":[1],"m1":[1]}}"#, many) < .seconds(2))
        let list = "[\(String(repeating: "{\"v\":1},", count: 40)){}]"
        let element = "{\"x\":\(list),\"y\":\(list),\"z\":1}"
        let nested = "{\"l\":[" + String(repeating: element + ",", count: 40) + "{}]}"
        #expect(try time(#"{"l":{"x.v":[1],"y.v":[1],"z":[{"exists":false}]}}"#, nested) < .seconds(2))
        let absent = #"{"l":{"x.v":[1],"y.v":[1],"z":[2,{"exists":false}]},"q":[{"exists":false}]}"#
        #expect(try time(absent, nested) < .seconds(2))
        let twin = "[\(String(repeating: "{\"v\":1,\"w\":1},", count: 60)){}]"
        let twins = "{\"l\":[" + String(repeating: "{\"x\":\(twin),\"y\":\(twin),\"z\":1},", count: 60) + "{}]}"
        let both = #"{"l":{"x":{"v":[1],"w":[1]},"y":{"v":[1],"w":[1]},"z":[{"exists":false}]}}"#
        #expect(try time(both, twins) < .seconds(2))
        let stars = String(repeating: "*a", count: 2000) + "*b"
        let letters = String(repeating: "a", count: 200_000)
        #expect(try time("{\"a\":[{\"wildcard\":\"\(stars)\"}]}", "{\"a\":\"\(letters)\"}") < .seconds(2))
        let piece = String(repeating: "a", count: 20_000) + "b"
        #expect(try time("{\"a\":[{\"wildcard\":\"*\(piece)*\"}]}", "{\"a\":\"\(letters)\"}") < .seconds(2))
        let ones = String(repeating: "1,", count: 60_000) + "1"
        let deep = "{\"a\":" + String(repeating: "[", count: 63) + ones + String(repeating: "]", count: 63) + "}"
        #expect(try time(#"{"a":[1],"a.b":[{"exists":false}]}"#, deep) < .seconds(2))
    }
}
