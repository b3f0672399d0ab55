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

    @Test(.enabled(if: isThere, "the cases of the match language are not on this machine"))
    func everyCaseOfTheMatchLanguageAnswersAsExpected() throws {
        let lines = try Array(Data(contentsOf: VectorTests.file)).split(separator: UInt8(ascii: "\n"))
        #expect(lines.count >= 370)
        for (number, line) in lines.enumerated() {
            guard case .object(let entry) = try JSONValue.parse(Array(line)) else { continue }
            func text(_ key: String) -> String { if case .string(let text)? = entry[key] { text } else { "" } }
            let found = answer(rule: text("rule"), event: text("event"))
            #expect(found == text("expect"), "line \(number + 1): \(text("group")), \(text("name"))")
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
