import Foundation
import JSON
import Relay
import Testing

@testable import DeadLetterFiles

struct ReadingTests {
    let state: TemporaryState
    let directory: DeadLetterDirectory

    init() throws {
        state = try TemporaryState()
        directory = DeadLetterDirectory(stateDirectory: state.path)
    }

    @Test func theListSurvivesAllThatIsNoLetter() async throws {
        let letters = [makeLetter(body: #"{"a":1}"#), makeLetter(body: #"{"a":1}"#, destination: "chat"), makeLetter()]
        for letter in letters { try await directory.write(letter) }
        let whole = try state.text(letters[0].file.path)
        let truncated = makeLetter(body: "1").file.path
        try state.put(String(whole.prefix(200)), at: truncated)
        let misplaced = makeLetter(body: "2").file.path
        try state.put(whole, at: misplaced)
        let wrongFormat = makeLetter(body: "3").file.path
        try state.put(whole.replacing("\"format\": 1", with: "\"format\": 2"), at: wrongFormat)
        let fifo = makeLetter(body: "4").file.path
        try #require(mkfifo(state.path + "/" + fifo, 0o600) == 0)
        let link = makeLetter(body: "5").file.path
        try #require(symlink(state.path + "/" + letters[0].file.path, state.path + "/" + link) == 0)
        try state.put("", at: "dead-letters/crm/.half.json.tmp")
        try state.put("", at: "dead-letters/crm/notes.txt")
        try state.put("", at: "dead-letters/crm/\u{1B}[2J.json")
        try state.put("", at: "dead-letters/stray.json")
        try state.put("", at: "dead-letters/Not A Name/x")

        let listing = try directory.list()
        #expect(listing.letters.map(\.file.destination) == ["chat", "crm", "crm"])
        #expect(Set(listing.letters.map(\.file.id)) == Set(letters.map(\.event.id)))
        #expect(listing.letters.allSatisfy { $0.attempts == 1 && $0.reason.code == "status_422" && !$0.isEdited })
        let problems = Dictionary(
            uniqueKeysWithValues: listing.problems.map { ($0.path.split(separator: "/").last, $0) })
        #expect(listing.problems.count == 10)
        func reason(_ path: String) -> String? { problems[path.split(separator: "/").last]?.reason }
        #expect(reason(truncated) == "line 10:5: the text ends too early: a closing bracket, brace or quote is missing")
        #expect(reason(misplaced)?.contains("another than its place") == true)
        #expect(reason(wrongFormat) == "line 2:13: format must be 1: this relay knows no other")
        #expect(reason(fifo)?.contains("No such device") == true)
        #expect(reason(link)?.contains("symbolic links") == true)
        #expect(reason("notes.txt") == "not the name of a dead letter")
        #expect(reason("\u{FFFD}[2J.json") != nil)
        #expect(try directory.list(destination: "chat").letters.count == 1)
    }

    @Test func anEmptyStateHasNoLetters() throws {
        #expect(try directory.list().letters.isEmpty)
        #expect(throws: DeadLetterError.self) { try directory.list(destination: "../..") }
    }

    @Test func aLetterIsFoundByItsIdOrAClearPrefix() async throws {
        let first = makeLetter(id: EventID(high: 0x1234_5678_9000_0000, low: 1))
        let second = makeLetter(id: EventID(high: 0x1234_5678_9100_0000, low: 2))
        let chat = makeLetter(destination: "chat", id: second.event.id)
        for letter in [first, second, chat] { try await directory.write(letter) }
        #expect(try directory.show(first.event.id.description).file == first.file)
        #expect(try directory.show("evt_1234567890").record.event.id == first.event.id)
        #expect(try directory.show("1234567891", destination: "chat").file == chat.file)
        #expect(try directory.find("1234567891").map(\.destination) == ["chat", "crm"])
    }

    @Test(arguments: [
        ("", "is no event id"), ("evt_1234567", "is no event id"), ("evt_123456789g", "is no event id"),
        ("evt_1234567*", "is no event id"), (String(repeating: "a", count: 10_000_000), "is no event id"),
        ("12345678", "could be evt_1234567890000000"), ("evt_ffffffff", "no dead letter evt_ffffffff"),
        ("1234567891", "is dead at chat, crm"),
    ])
    func whatIsNotFoundSaysWhy(_ id: String, _ wanted: String) async throws {
        for letter in [
            makeLetter(id: EventID(high: 0x1234_5678_9000_0000, low: 1)),
            makeLetter(id: EventID(high: 0x1234_5678_9100_0000, low: 2)),
            makeLetter(destination: "chat", id: EventID(high: 0x1234_5678_9100_0000, low: 2)),
        ] { try await directory.write(letter) }
        let error = #expect(throws: DeadLetterError.self) { try directory.show(id) }
        #expect(error?.description.contains(wanted) == true, "\(String(describing: error))")
        #expect((error?.description.utf8.count ?? 0) < 300)
    }

    @Test func redriveIsARenameAndKeepsDestinationsApart() async throws {
        let letters = [makeLetter(), makeLetter(destination: "chat")]
        for letter in letters {
            try await directory.write(letter)
            let path = try directory.redrive(letter.file)
            #expect(path == "redrive/20261122T080501042Z-\(letter.event.id).\(letter.destination).json")
        }
        #expect(state.names("redrive").count == 2)
        #expect(state.names("dead-letters/crm") == [])
        let again = #expect(throws: DeadLetterError.self) { try directory.redrive(letters[0].file) }
        #expect(again?.description.contains("no dead letter") == true)
        try await directory.write(letters[0])
        let waiting = #expect(throws: DeadLetterError.self) { try directory.redrive(letters[0].file) }
        #expect(waiting?.description.hasSuffix("waits there already") == true)
        #expect(state.names("dead-letters/crm").count == 1)
    }

    @Test func whatCannotBeSentAgainStaysWhereItIs() async throws {
        let letter = makeLetter()
        try state.put("{}", at: letter.file.path)
        #expect(throws: DeadLetterError.self) { try directory.redrive(letter.file) }
        #expect(state.names("dead-letters/crm").count == 1)
    }

    @Test func deletingTwiceIsNoError() async throws {
        let letter = makeLetter()
        try await directory.write(letter)
        #expect(try directory.delete(letter.file))
        #expect(try !directory.delete(letter.file))
        #expect(state.names("dead-letters/crm") == [])
    }

    /// 10,000 letters in a release build, with LETTERS=10000; fewer by default, so that the suite takes seconds.
    @Test func aLongListIsReadInSeconds() async throws {
        let count = ProcessInfo.processInfo.environment["LETTERS"].flatMap { Int($0) } ?? 500
        let letter = makeLetter()
        try await directory.write(letter)
        let text = try state.text(letter.file.path)
        let parts = text.split(separator: letter.event.id.description, maxSplits: 1)
        for number in 1..<count {
            let other = EventID(high: UInt64(number), low: 7)
            try state.put("\(parts[0])\(other)\(parts[1])", at: makeLetter(id: other).file.path)
        }
        let start = ContinuousClock.now
        let listing = try directory.list()
        let elapsed = ContinuousClock.now - start
        #expect(listing.letters.count == count)
        #expect(listing.problems.isEmpty)
        #expect(elapsed < .seconds(30), "\(elapsed)")
    }

    @Test(arguments: [
        "2026-11-22T08:05:01.042Z", "1970-01-01T00:00:00.000Z", "2000-02-29T23:59:59.999Z", "0000-01-01T00:00:00.000Z",
        "9999-12-31T23:59:59.999Z", "1900-03-01T00:00:00.000Z",
    ])
    func timestampsComeBack(_ text: String) {
        #expect(Timestamp(text)?.description == text)
    }

    @Test(arguments: [
        "", "2026-11-22T08:05:01Z", "2026-02-29T00:00:00.000Z", "2026-13-01T00:00:00.000Z", "2026-11-22T24:00:00.000Z",
        "2026-11-22 08:05:01.042Z", "2026-11-22T08:05:01.042z", "2O26-11-22T08:05:01.042Z", "+026-11-22T08:05:01.042Z",
    ])
    func whatIsNoTimestampIsRefused(_ text: String) {
        #expect(Timestamp(text) == nil)
    }
}
