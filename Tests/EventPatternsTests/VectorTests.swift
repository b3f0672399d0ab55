import EventPatterns
import Foundation
import JSON
import Testing

/// The language's own cases, kept beside the project: `../shared/vectors`, or where `RELAY_VECTORS` says.
struct VectorTests {
    static let file: URL = {
        if let folder = ProcessInfo.processInfo.environment["RELAY_VECTORS"] {
            return URL(fileURLWithPath: folder).appendingPathComponent("event-patterns.jsonl")
        }
        return URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent(
            "../../../shared/vectors/event-patterns.jsonl")
    }()

    static var isThere: Bool { FileManager.default.fileExists(atPath: file.path) }

    struct Case {
        let name: String
        let rule: String
        let event: String
        /// MATCH, no, RULE-ERR or EVENT-ERR.
        let expect: String
    }

    static func cases() throws -> [Case] {
        let lines = try Array(Data(contentsOf: file)).split(separator: UInt8(ascii: "\n"))
        return try lines.enumerated().map { number, line in
            let entry = try JSONValue.parse(Array(line))
            func text(_ key: String) -> String {
                if case .object(let object) = entry, case .string(let text)? = object[key] { text } else { "" }
            }
            let name = "line \(number + 1): \(text("group")), \(text("name"))"
            return Case(name: name, rule: text("rule"), event: text("event"), expect: text("expect"))
        }
    }

    @Test(.enabled(if: isThere, "the cases of the match language are not on this machine"))
    func everyCaseOfTheMatchLanguageAnswersAsExpected() throws {
        let cases = try VectorTests.cases()
        #expect(cases.count >= 370)
        for entry in cases {
            #expect(answer(rule: entry.rule, event: entry.event) == entry.expect, "\(entry.name)")
        }
    }
}

/// What the language says of a rule and an event: MATCH, no, RULE-ERR or EVENT-ERR.
func answer(rule: String, event: String) -> String {
    guard let node = try? JSONNode.parse(Array(rule.utf8)), let pattern = try? EventPattern.parse(node) else {
        return "RULE-ERR"
    }
    guard let found = try? PatternSet([pattern]).matches(Array(event.utf8)) else { return "EVENT-ERR" }
    return found == [0] ? "MATCH" : "no"
}
