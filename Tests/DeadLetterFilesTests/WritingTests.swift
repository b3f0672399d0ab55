import Foundation
import JSON
import Relay
import Testing

@testable import DeadLetterFiles

struct WritingTests {
    let state: TemporaryState
    let directory: DeadLetterDirectory

    init() throws {
        state = try TemporaryState()
        directory = DeadLetterDirectory(stateDirectory: state.path)
    }

    @Test func theFileReadsAsTheProductSays() async throws {
        let letter = makeLetter()
        try await directory.write(letter)
        let id = letter.event.id.description
        #expect(state.names("dead-letters/crm") == ["20261122T080501042Z-\(id).json"])
        let base64 = Data(letter.event.body).base64EncodedString()
        let golden = #"""
            {
              "format": 1,
              "id": "\#(id)",
              "source": "gruveo",
              "destination": "crm",
              "routes": [
                "known customers"
              ],
              "receivedAt": "2026-11-22T08:05:01.042Z",
              "diedAt": "2026-11-22T08:05:02.542Z",
              "reason": {
                "code": "status_422",
                "text": "answered 422",
                "advice": "Mend the body."
              },
              "attempts": [
                {
                  "number": 1,
                  "at": "2026-11-22T08:05:02.042Z",
                  "durationMilliseconds": 12,
                  "outcome": "dead",
                  "status": 422,
                  "error": null,
                  "response": "no \"x\"\n\u001b[1m"
                }
              ],
              "request": {
                "method": "POST",
                "url": "https://crm.example.com/…",
                "headers": {
                  "Content-Type": "application/json",
                  "Authorization": "<redacted>"
                },
                "body": "{\"duration\": 1.50, \"link\":\"@acme.sales\", \"big\":123456789012345678901234567890}"
              },
              "event": {
                "duration": 1.50,
                "link": "@acme.sales",
                "big": 123456789012345678901234567890
              },
              "bytes": "\#(base64)"
            }

            """#
        #expect(try state.text(letter.file.path) == golden)
    }

    @Test func onlyTheOwnerMayReadWhatIsWritten() async throws {
        let letter = makeLetter()
        try await directory.write(letter)
        #expect(try state.mode("dead-letters") == 0o700)
        #expect(try state.mode("dead-letters/crm") == 0o700)
        #expect(try state.mode(letter.file.path) == 0o600)
    }

    @Test(.enabled(if: geteuid() == 0, "needs root")) func whatRootMakesGetsTheOwnerOfTheStateDirectory() async throws {
        try #require(chown(state.path, 4711, 4712) == 0)
        let letter = makeLetter()
        try await directory.write(letter)
        try directory.redrive(letter.file)
        for path in ["dead-letters", "dead-letters/crm", "redrive", "redrive/\(letter.file.redriveName.display)"] {
            var status = stat()
            try #require(lstat(state.path + "/" + path, &status) == 0)
            #expect(status.st_uid == 4711 && status.st_gid == 4712, "\(path)")
        }
    }

    @Test(arguments: [
        Array(#"{"a":1,"a":2}"#.utf8), [0xFF, 0x00, 0x7B], [], Array("[1, 2.0e5, null]".utf8),
        Array((0...255).map { UInt8($0) }), Array(#"{"é":"e\u0301 \u0000"}"#.utf8),
        Array((String(repeating: "[", count: 64) + String(repeating: "]", count: 64)).utf8),
    ])
    func bytesComeBackExactly(_ body: [UInt8]) async throws {
        let letter = makeLetter(bytes: body, originalID: EventID(high: 1, low: 2))
        try await directory.write(letter)
        let record = try directory.read(letter.file)
        #expect(record.event.body == body)
        #expect(record.editedBody == nil)
        #expect(record.event.id == letter.event.id)
        #expect(record.event.originalID == EventID(high: 1, low: 2))
        #expect(record.event.receivedAt == receivedAt)
        #expect(record.event.routes == ["known customers"])
        #expect(record.redrive(at: receivedAt).event.body == body)
    }

    @Test func whatIsNotTextIsBase64OrReplaced() async throws {
        let request = MaskedRequest(
            method: "PUT", url: "https://h/…", headers: [.init("X-A", "1"), .init("X-A", "2")], body: [0xFF, 0xFE])
        let failure = AttemptRecord(
            number: 2, at: receivedAt, durationMilliseconds: 5, outcome: .dead, status: nil, error: "reset",
            response: [])
        let letter = makeLetter(attempts: [makeAttempt(1, response: [0x41, 0xFF]), failure], request: request)
        try await directory.write(letter)
        let text = try state.text(letter.file.path)
        #expect(text.contains(#""response": "A\#u{FFFD}""#))
        #expect(text.contains(#""response": null"#))
        #expect(text.contains(#""bodyBase64": "//4=""#))
        #expect(text.contains(#""X-A": "1, 2""#))
        #expect(try directory.read(letter.file).attempts.count == 2)
    }

    @Test func aSecondDeathAppendsItsAttempts() async throws {
        try await directory.write(makeLetter(attempts: [makeAttempt(1), makeAttempt(2, atMilliseconds: 2000)]))
        let second = makeLetter(
            attempts: [makeAttempt(2, atMilliseconds: 2000), makeAttempt(1, atMilliseconds: 9000)])
        try await directory.write(second)
        let attempts = try directory.read(second.file).attempts
        #expect(attempts.compactMap { $0["number"] } == [1, 2, 1].map { .number(JSONNumber($0)) })
        #expect(state.names("dead-letters/crm").count == 1)
    }

    @Test func aSecondDeathReplacesAnUnreadableFile() async throws {
        let letter = makeLetter()
        try state.put("{", at: letter.file.path)
        try await directory.write(letter)
        #expect(try directory.read(letter.file).attempts.count == 1)
    }

    @Test func aLinkInTheWayIsReplacedAndNotFollowed() async throws {
        let letter = makeLetter()
        try state.put("canary", at: "outside")
        try state.put("", at: "dead-letters/crm/other")
        let temporary = "dead-letters/crm/.\(letter.file.name.display).tmp"
        for name in [letter.file.path, temporary] {
            try #require(symlink(state.path + "/outside", state.path + "/" + name) == 0)
        }
        try await directory.write(letter)
        #expect(try state.text("outside") == "canary")
        #expect(try directory.read(letter.file).event.id == letter.event.id)
        #expect(state.names("dead-letters/crm").count == 2)
    }

    @Test func aLinkedDirectoryIsRefused() async throws {
        try state.put("", at: "elsewhere/x")
        try state.put("", at: "dead-letters/other/x")
        try #require(symlink(state.path + "/elsewhere", state.path + "/dead-letters/crm") == 0)
        await #expect(throws: DeadLetterError.self) { try await directory.write(makeLetter()) }
        #expect(state.names("elsewhere") == ["x"])
    }

    @Test(arguments: ["", "..", "a/b", "../x", "Crm", "a\0b", "é", String(repeating: "a", count: 64)])
    func aNameThatIsNoDestinationIsNotWritten(_ destination: String) async throws {
        await #expect(throws: DeadLetterError.self) {
            try await directory.write(makeLetter(destination: destination))
        }
        #expect(state.names("") == [])
    }

    @Test func aFailedWriteLeavesNothingBehindAndIsReported() async throws {
        let letter = makeLetter()
        try state.put("", at: letter.file.path + "/in the way")
        await #expect(throws: DeadLetterError.self) { try await directory.write(letter) }
        #expect(state.names("dead-letters/crm") == [letter.file.name.display])
    }

    @Test func whatTheRelayWroteIsNeverTooLargeToRedriveForItsIndent() async throws {
        let deep = String(repeating: "[", count: 64) + String(repeating: "1,", count: 120_000) + "1"
        let letter = makeLetter(body: deep + String(repeating: "]", count: 64))
        try await directory.write(letter)
        try directory.redrive(letter.file)
        #expect(state.names("redrive").count == 1)
    }

    private static let largeBodies: [String] = {
        func repeated(_ text: String) -> String { String(repeating: text, count: 20_000) }
        return [
            #"{"a":""# + repeated(#"\""#) + #""}"#, #"{"a":""# + repeated(#"\u0001"#) + #""}"#,
            #"{"a":""# + repeated("é\u{7F}\u{2028}/") + #""}"#, "{" + repeated("\n\r\t") + "}",
            #"{"a":["# + repeated(#""","#) + "1]}", #"{"a":["# + repeated("1E400,") + "1]}",
        ]
    }()

    @Test(arguments: largeBodies.indices)
    func aLetterIsNoLargerThanItsBodyLetsExpect(index: Int) throws {
        func size(_ body: String) -> Int {
            DeadLetterDocument.text(makeLetter(body: body), earlier: [], indentedLimit: 0).count
        }
        let body = Self.largeBodies[index]
        #expect(DeadLetterDocument.readable(Array(body.utf8)) != nil)
        let copies = DeadLetterDocument.largest(ofBody: body.utf8.count) - DeadLetterDocument.besidesTheBody
        #expect(size(body) - size("{}") <= copies)
    }

    @Test func aRequestThatMakesALetterTooLargeIsLeftOutAndTheEventIsNot() throws {
        let letter = makeLetter(bytes: [UInt8](repeating: 1, count: 10_000))
        let text = DeadLetterDocument.text(letter, earlier: [], indentedLimit: 0, limit: 60_000)
        #expect(text.count < 20_000)
        let record = try DeadLetterRecord(parsing: text)
        #expect(record.event.body == letter.event.body)
        #expect(record.redrive(at: receivedAt).event.id == letter.event.id)
    }

    @Test func whatAProcessThatDiedHasLeftUnfinishedIsDeletedAtTheNextStart() async throws {
        try await directory.write(makeLetter())
        let letter = try #require(state.names("dead-letters/crm").first)
        let kept = [".notes", ".x.json", "notes.json.tmp"]
        for name in kept + [".\(letter).tmp"] { try state.put("{", at: "dead-letters/crm/\(name)") }
        try state.put("{", at: "dead-letters/.json.tmp")
        try directory.prepare()
        #expect(state.names("dead-letters/crm").sorted() == (kept + [letter]).sorted())
        #expect(state.names("dead-letters").sorted() == [".json.tmp", "crm"])
        #expect(try directory.list().letters.count == 1)
    }

    @Test func aMissingStateDirectoryIsAnError() async throws {
        let lost = DeadLetterDirectory(stateDirectory: state.path + "/none")
        let error = await #expect(throws: DeadLetterError.self) { try await lost.write(makeLetter()) }
        #expect(error?.description.hasSuffix("/none: No such file or directory") == true)
    }
}
