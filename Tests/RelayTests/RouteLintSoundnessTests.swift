import EventPatterns
import JSON
import Testing

@testable import Relay

/// What the lints claim is tried on events as Gruveo sends them.
@Suite struct RouteLintSoundnessTests {
    private static let alternatives = [
        #""missed""#, #""answered""#, #""Missed""#, #""5""#, "5", "0", "true", #""""#, #"{"prefix": "m"}"#,
        #"{"suffix": "ed"}"#, #"{"prefix": "@acme"}"#, #"{"wildcard": "a*d"}"#, #"{"wildcard": "missed"}"#,
        #"{"equals-ignore-case": "MISSED"}"#, #"{"numeric": [">", 3]}"#, #"{"numeric": ["<=", 0]}"#,
        #"{"exists": true}"#, #"{"exists": false}"#, #"{"anything-but": "missed"}"#, #"{"anything-but": 5}"#,
        #"{"anything-but": ["missed", "answered", "declined"]}"#, #"{"anything-but": {"prefix": "@acme"}}"#,
        #"{"cidr": "10.0.0.0/8"}"#,
    ]

    private static let paths = [
        "resolution", "link", "duration", "user", "user.email", "user.name.first", "tracking", "tracking.a",
        "account.id",
        "assignedUsers", "assignedUsers.email", "link.x", "waitingTime", "location",
    ]

    private static let events: [[UInt8]] = {
        let users = ["", #","user":{"name":"5","email":"missed"}"#, #","user":{"name":"","email":"@acme"}"#]
        let rest = [
            "", #","tracking":{"a":"5"},"location":"answered""#,
            #","tracking":{"a":"10.1.2.3"},"waitingTime":5,"assignedUsers":[]"#,
            #","tracking":{"a":""},"assignedUsers":[{"name":"x","email":"5"},{"email":"answered"}]"#,
        ]
        var events: [String] = []
        for resolution in ["missed", "answered", "declined"] {
            for (index, more) in users.flatMap({ user in rest.map { user + $0 } }).enumerated() {
                let link = ["@acme.sales", "missed", "5"][index % 3]
                let call = #""resolution":"\#(resolution)","link":"\#(link)","duration":\#(index % 7)"#
                events.append(#"{\#(call),"account":{"id":"a"}\#(more)}"#)
            }
        }
        return events.map { Array($0.utf8) }
    }()

    private static func pattern(_ random: inout SmallRandom) -> String {
        func fields(_ paths: some Sequence<String>, _ random: inout SmallRandom) -> String {
            let members = paths.map { path in
                let values = (0..<Int.random(in: 1...3, using: &random)).compactMap { _ in
                    alternatives.randomElement(using: &random)
                }
                return #""\#(path)": [\#(values.joined(separator: ", "))]"#
            }
            return "{" + members.joined(separator: ", ") + "}"
        }
        var shuffled = paths.shuffled(using: &random)[...]
        let plain = fields(shuffled.prefix(Int.random(in: 1...2, using: &random)), &random)
        guard Bool.random(using: &random) else { return plain }
        shuffled = shuffled.dropFirst(2)
        let branches = (0..<2).map { _ in fields(shuffled.prefix(1), &random) }
        return plain.dropLast() + #", "$or": [\#(branches.joined(separator: ", "))]}"#
    }

    private static func matches(_ text: String) throws -> [Bool] {
        let set = try PatternSet([EventPattern.parse(JSONNode.parse(Array(text.utf8)))])
        return try events.map { try set.matches($0) == [0] }
    }

    @Test func aRouteCalledImpossibleMatchesNoEvent() throws {
        var random = SmallRandom(seed: 20_261_123)
        var claims = 0
        for _ in 0..<600 {
            let text = Self.pattern(&random)
            let node = try JSONNode.parse(Array(text.utf8))
            let messages = RouteLint.lint(try EventPattern.parse(node), node).map(\.message)
            guard messages.contains(where: { $0.hasPrefix("this route can never match") }) else { continue }
            claims += 1
            #expect(try !Self.matches(text).contains(true), "\(text)")
        }
        #expect(claims > 100)
    }

    @Test func whatIsSaidOfTwoAlternativesHoldsForEveryEvent() throws {
        let isThere = try Self.matches(#"{"tracking.a": [{"exists": true}]}"#)
        var claims: [String: Int] = [:]
        for left in Self.alternatives {
            for right in Self.alternatives {
                let text = #"{"tracking.a": [\#(left), \#(right)]}"#
                let node = try JSONNode.parse(Array(text.utf8))
                let fields = PatternOutline(try EventPattern.parse(node), node).fields
                let pairs = zip(try Self.matches(text), isThere)
                for lint in fields.flatMap(PatternLint.lint) {
                    if lint.message.hasSuffix("fits all that this does: take this out") {
                        let isLeft = lint.offset == fields[0].alternatives[0].node.offset
                        let rest = try Self.matches(#"{"tracking.a": [\#(isLeft ? right : left)]}"#)
                        #expect(rest == pairs.map(\.0), "\(text)")
                        claims["less", default: 0] += 1
                    } else if lint.message.hasSuffix("take the field out") {
                        #expect(pairs.allSatisfy { $0.0 }, "\(text)")
                        claims["all", default: 0] += 1
                    } else if lint.message.contains("every value") {
                        #expect(pairs.allSatisfy { $0.0 || !$0.1 }, "\(text)")
                        claims["every", default: 0] += 1
                    }
                }
            }
        }
        #expect(claims["less", default: 0] > 100 && claims["every", default: 0] > 20 && claims["all", default: 0] > 0)
    }
}

/// xorshift64*: the same numbers in each run.
private struct SmallRandom: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state ^= state >> 12
        state ^= state << 25
        state ^= state >> 27
        return state &* 0x2545_F491_4F6C_DD1D
    }
}
