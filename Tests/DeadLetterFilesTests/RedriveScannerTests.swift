import Foundation
import JSON
import Relay
import Testing

@testable import DeadLetterFiles

struct RedriveScannerTests {
    let state: TemporaryState
    let directory: DeadLetterDirectory
    let scanner: RedriveScanner
    let start = ContinuousClock.now

    init() throws {
        state = try TemporaryState()
        directory = DeadLetterDirectory(stateDirectory: state.path)
        scanner = RedriveScanner(stateDirectory: state.path)
        try directory.prepare()
    }

    /// What is found when nothing changes any more.
    private func settledFindings() throws -> [(RedriveCandidate, RedriveFinding)] {
        _ = try scanner.scan(now: start)
        return try scanner.scan(now: start + .seconds(2)).map { ($0, scanner.examine($0, at: receivedAt)) }
    }

    /// Writes a letter, lets `edit` change its text, and puts it into redrive/.
    private func drop(_ letter: DeadLetter, as name: String, edit: (String) -> String = { $0 }) async throws {
        try await directory.write(letter)
        try state.put(edit(try state.text(letter.file.path)), at: "redrive/" + name)
    }

    @Test func aMovedLetterIsSentAgainWithItsOwnBytes() async throws {
        let letter = makeLetter()
        try await directory.write(letter)
        try state.move(letter.file.path, to: "redrive/by-hand.json")
        let (candidate, finding) = try #require(try settledFindings().first)
        guard case .usable(let redrive) = finding else { throw Unexpected(finding) }
        #expect(redrive.event.id == letter.event.id)
        #expect(redrive.event.originalID == nil)
        #expect(redrive.event.body == letter.event.body)
        #expect(redrive.destination == "crm")
        #expect(redrive.at == receivedAt)
        try scanner.finish([candidate])
        #expect(state.names("redrive") == [])
        try scanner.finish([candidate])
    }

    @Test(arguments: [
        (#""duration": 1.50"#, #""duration": 1.5"#, #"{"duration":1.5,"link":"@acme.sales","big":12"#),
        (#""duration": 1.50,"#, "", #"{"link":"@acme.sales","big":12"#),
        ("\"event\": {", "\"event\": {\"new\": [1, null],", #"{"new":[1,null],"duration":1.50,"link"#),
        ("\"@acme.sales\",\n", "\"\\u0040acme.de\",\n", #"{"duration":1.50,"link":"@acme.de","big":12"#),
        ("78901234567890\n", "78901234567891\n", #"{"duration":1.50,"link":"@acme.sales","big":12"#),
    ])
    func anEditedEventIsSentUnderANewId(_ old: String, _ new: String, _ start: String) async throws {
        let letter = makeLetter()
        try await drop(letter, as: "a.json") { text in
            // Only the readable event, not the request which holds the same words.
            let place = text.range(of: "\"event\"")?.lowerBound ?? text.startIndex
            return String(text[..<place] + text[place...].replacing(old, with: new, maxReplacements: 1))
        }
        guard case .usable(let redrive) = try settledFindings().first?.1 else { throw Unexpected("nothing") }
        #expect(redrive.isEdited && redrive.event.originalID == letter.event.id)
        #expect(redrive.event.id == EventID(source: "gruveo", body: redrive.event.body))
        #expect(redrive.event.id != letter.event.id)
        #expect(String(decoding: redrive.event.body, as: UTF8.self).hasPrefix(start))
        #expect(redrive.event.receivedAt == receivedAt)
    }

    @Test(arguments: [
        ("\"@acme.sales\",\n", "\"\\u0040acme.sales\" ,\n"), ("\n  ", "\r\n\t"),
        ("\"format\": 1,", "\"format\" :1,\"note\":{},"),
    ])
    func spacingAndEscapesAreNoEdit(_ old: String, _ new: String) async throws {
        let letter = makeLetter()
        try await drop(letter, as: "a.json") { $0.replacing(old, with: new) }
        guard case .usable(let redrive) = try settledFindings().first?.1 else { throw Unexpected("nothing") }
        #expect(redrive.event.originalID == nil)
        #expect(redrive.event.body == letter.event.body)
    }

    @Test func aQuarantinedEventCanBeMended() async throws {
        let letter = makeLetter(body: #"{"a":1,"a":2}"#)
        try await drop(letter, as: "a.json") { $0.replacing("\"event\": null", with: "\"event\": {\"a\": 2}") }
        guard case .usable(let redrive) = try settledFindings().first?.1 else { throw Unexpected("nothing") }
        #expect(redrive.event.body == Array(#"{"a":2}"#.utf8))
        #expect(redrive.event.originalID == letter.event.id)
    }

    @Test(arguments: [
        ("\"format\": 1", "\"format\": 2", "line 2:13: format must be 1: this relay knows no other"),
        ("\"id\": \"evt_", "\"id\": \"EVT_", "line 3:9: id must be evt_ and 32 hex digits in lower case"),
        ("\"source\": \"gruveo\",", "", "the key source is missing"),
        ("\"crm\"", "\"../crm\"", "destination must be a name"),
        ("\"crm\"", "\"cr\\u0000m\"", "destination must be a name"),
        ("\"crm\"", "7", "destination must be a string"),
        ("\"known customers\"", "\"a\\u0000b\"", "routes must be a list of strings without control characters"),
        ("\"2026-11-22T08:05:01.042Z\"", "\"yesterday\"", "receivedAt must be a time like"),
        ("\"code\": \"status_422\",", "", "the key reason.code is missing"),
        ("\"attempts\": [", "\"attempts\": [1,", "attempts must be a list of objects"),
        ("\"event\": {", "\"event\": 1, \"was\": {", "event must be an object, as every event"),
        ("\"event\": {", "\"event\": null, \"was\": {", "event must be an object, as every event"),
        ("\"event\"", "\"Event\"", "the key event is missing"),
        ("\"bytes\": \"ey", "\"bytes\": \"-ey", "bytes must be base64, with its padding"),
        ("\"duration\": 1.50,\n", "\"duration\": 1.50,,\n", "expected a key in double quotes, found ','"),
        ("\"duration\": 1.50,\n", "\"big\": 1,\n", "the key \"big\" stands here twice"),
    ])
    func whatIsWrongInTheFileIsSaid(_ old: String, _ new: String, _ wanted: String) async throws {
        try await drop(makeLetter(), as: "a.json") { $0.replacing(old, with: new) }
        guard case .refused(let reason) = try settledFindings().first?.1 else { throw Unexpected("not refused") }
        #expect(reason.description.contains(wanted), "\(reason)")
    }

    @Test(arguments: [
        "", "[]", "null", "{}", "{", "\u{FEFF}{}", "{\"format\":1}", String(repeating: "[", count: 100_000),
    ])
    func foreignFilesAreRefused(_ text: String) throws {
        try state.put(text, at: "redrive/a.json")
        guard case .refused(.fault) = try settledFindings().first?.1 else { throw Unexpected("not refused") }
    }

    @Test func everyPrefixOfALetterIsRefused() async throws {
        let letter = makeLetter()
        try await directory.write(letter)
        let text = Array(try state.text(letter.file.path).utf8)
        for length in 0..<text.count - 2 {
            #expect(throws: DeadLetterFault.self) { try DeadLetterRecord(parsing: Array(text[..<length])) }
        }
    }

    @Test func onlyRegularFilesAreRead() async throws {
        let letter = makeLetter()
        try await drop(letter, as: "hard.json")
        let redrive = state.path + "/redrive/"
        try #require(link(redrive + "hard.json", state.path + "/second") == 0)
        try #require(symlink(state.path + "/" + letter.file.path, redrive + "link.json") == 0)
        try #require(mkfifo(redrive + "fifo.json", 0o600) == 0)
        try state.put("", at: "redrive/directory.json/inner.json")
        try state.put("x", at: "redrive/README")
        try state.put("x", at: "redrive/large.json")
        try #require(truncate(redrive + "large.json", DeadLetterDocument.limit + 1) == 0)
        try state.put("x", at: "redrive/.a.json.swp")

        var reasons: [String: RedriveRefusal] = [:]
        for (candidate, finding) in try settledFindings() {
            guard case .refused(let reason) = finding else { throw Unexpected(finding) }
            reasons[candidate.name.display] = reason
            try scanner.refuse(candidate, reason: reason)
        }
        #expect(
            reasons == [
                "hard.json": .hardLink, "link.json": .symbolicLink, "fifo.json": .special, "README": .wrongName,
                "directory.json": .directory, "large.json": .tooLarge(limit: DeadLetterDocument.limit),
            ])
        #expect(state.names("redrive") == [".a.json.swp", "refused"])
        #expect(state.names("redrive/refused") == reasons.keys.flatMap { [$0, $0 + ".txt"] }.sorted())
        #expect(
            try state.text("redrive/refused/link.json.txt") == """
                The relay did not send this: it is a symbolic link: move the file itself here.
                Mend it and move it back to redrive/, or delete it.

                """)
        #expect(try state.text(letter.file.path).contains("format"))
        #expect(try scanner.scan(now: start + .seconds(9)).isEmpty)
    }

    @Test func moreThanAnIndentedLetterHasIsRead() async throws {
        try await drop(makeLetter(), as: "a.json") {
            $0 + String(repeating: " ", count: DeadLetterDocument.indentedLimit)
        }
        guard case .usable = try settledFindings().first?.1 else { throw Unexpected("not usable") }
    }

    @Test func aRefusedFileDestroysNoEarlierOne() throws {
        let longest = String(repeating: "n", count: 250) + ".json"
        for content in ["first", "second", "third"] {
            for name in ["a.json", longest] { try state.put(content, at: "redrive/" + name) }
            for (candidate, _) in try settledFindings() { try scanner.refuse(candidate, reason: .wrongName) }
        }
        let names = state.names("redrive/refused")
        #expect(names.count == 12)
        #expect(try state.text("redrive/refused/a.json.3") == "third")
        #expect(try state.text("redrive/refused/a.json") == "first")
    }

    @Test func namesThatAreNotUTF8AreHandled() throws {
        let name = FileName(bytes: [0x61, 0xFF, 0x0A] + Array(".json".utf8))
        let file = creat(Array((state.path + "/redrive/").utf8CString.dropLast()) + name.cString, 0o600)
        close(file)
        let (candidate, finding) = try #require(try settledFindings().first)
        guard case .refused(let reason) = finding else { throw Unexpected(finding) }
        #expect(candidate.name.display == "a\u{FFFD}\u{FFFD}.json")
        try scanner.refuse(candidate, reason: reason)
        #expect(try scanner.scan(now: start).isEmpty)
    }

    @Test func aFileMustNotChangeForTwoSeconds() async throws {
        try await drop(makeLetter(), as: "a.json")
        func isReady(_ seconds: Double) throws -> Bool { try !scanner.scan(now: start + .seconds(seconds)).isEmpty }
        #expect(try !isReady(0))
        #expect(try !isReady(1.999))
        // A time of change that is long ago does not help: `cp -p` sets it at the end.
        var times = [timespec(tv_sec: 1000, tv_nsec: 0), timespec(tv_sec: 1000, tv_nsec: 0)]
        try #require(utimensat(AT_FDCWD, state.path + "/redrive/a.json", &times, 0) == 0)
        #expect(try !isReady(2.5))
        let text = try state.text("redrive/a.json")
        try state.put(text + " ", at: "redrive/a.json")
        #expect(try !isReady(4.6))
        #expect(try !isReady(6.5))
        #expect(try isReady(6.6))
        #expect(try isReady(7))
    }

    @Test func aFileThatChangesAfterTheScanIsNeitherReadNorDeleted() async throws {
        try await drop(makeLetter(), as: "a.json")
        let (candidate, finding) = try #require(try settledFindings().first)
        guard case .usable = finding else { throw Unexpected(finding) }
        try state.put("new", at: "redrive/b")
        try state.move("redrive/b", to: "redrive/a.json")
        guard case .unsettled = scanner.examine(candidate, at: receivedAt) else { throw Unexpected("read") }
        try scanner.finish([candidate])
        try scanner.refuse(candidate, reason: .wrongName)
        #expect(try state.text("redrive/a.json") == "new")
    }

    @Test(.enabled(if: geteuid() != 0, "root may read everything")) func anUnreadableFileIsRefused() async throws {
        try await drop(makeLetter(), as: "a.json")
        try #require(chmod(state.path + "/redrive/a.json", 0) == 0)
        guard case .refused(.forbidden) = try settledFindings().first?.1 else { throw Unexpected("not refused") }
    }
}

struct Unexpected: Error {
    let what: String

    init(_ what: Any) { self.what = "\(what)" }
}
