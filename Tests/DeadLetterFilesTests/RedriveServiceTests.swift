import Foundation
import Relay
import Synchronization
import Testing

@testable import DeadLetterFiles

struct RedriveServiceTests {
    let state: TemporaryState
    let directory: DeadLetterDirectory
    let store = RecordingStore()
    let log = Log()

    init() throws {
        state = try TemporaryState()
        directory = DeadLetterDirectory(stateDirectory: state.path)
    }

    final class Log: Sendable {
        let reports = Mutex<[String]>([])

        func add(_ report: RedriveReport) {
            let line =
                switch report {
                case .accepted(let file, let redrive): "accepted \(file) \(redrive.event.id)"
                case .refused(let file, let reason): "refused \(file): \(reason)"
                case .failed(let text): "failed: \(text)"
                }
            reports.withLock { $0.append(line) }
        }

        var lines: [String] { reports.withLock { $0 } }
    }

    /// Runs that many scans, 2 s of a made-up clock apart; `between` is called after each with its number.
    private func run(scans: Int, between: @escaping @Sendable (Int) -> Void = { _ in }) async {
        let start = ContinuousClock.now
        let counter = Counter()
        let clock = RedriveClock(
            now: { receivedAt }, steady: { start + .seconds(2 * counter.value) },
            pause: {
                between(counter.increment())
                if counter.value >= scans { throw CancellationError() }
            })
        let log = log
        await RedriveService(stateDirectory: state.path, store: store, clock: clock) { log.add($0) }.run()
    }

    final class Counter: Sendable {
        private let count = Mutex(0)

        var value: Int { count.withLock { $0 } }

        func increment() -> Int {
            count.withLock { count in
                count += 1
                return count
            }
        }
    }

    @Test func aMovedLetterIsCommittedAndThenDeleted() async throws {
        let letter = makeLetter()
        try await directory.write(letter)
        try directory.redrive(letter.file)
        let (state, before) = (state, Counter())
        store.state.withLock {
            $0.onRedrive = { if state.names("redrive").count == 1 { _ = before.increment() } }
        }
        await run(scans: 2)
        #expect(before.value == 1, "the file is there until the store has committed")
        #expect(store.redrives.map(\.event.id) == [letter.event.id])
        #expect(state.names("redrive") == [])
        #expect(log.lines == ["accepted \(letter.file.redriveName.display) \(letter.event.id)"])
    }

    @Test func manyFilesGoThroughInOneScan() async throws {
        for number in 0..<150 {
            let letter = makeLetter(body: "{\"n\":\(number)}")
            try await directory.write(letter)
            try directory.redrive(letter.file)
        }
        await run(scans: 2)
        #expect(Set(store.redrives.map(\.event.id)).count == 150)
        #expect(state.names("redrive") == [])
    }

    @Test func whatTheStoreDoesNotTakeStaysAndIsTriedAgain() async throws {
        let letter = makeLetter()
        try await directory.write(letter)
        try directory.redrive(letter.file)
        store.state.withLock { $0.isBroken = true }
        let (store, state) = (store, state)
        await run(scans: 5) { scan in
            guard scan == 4 else { return }
            #expect(state.names("redrive").count == 1)
            store.state.withLock { $0.isBroken = false }
        }
        #expect(store.redrives.count == 1)
        #expect(state.names("redrive") == [])
        let name = letter.file.redriveName.display
        #expect(log.lines == ["failed: cannot send \(name) again: disk full", "accepted \(name) \(letter.event.id)"])
    }

    @Test func theSameLetterTwiceIsTheSameRedriveTwice() async throws {
        let letter = makeLetter()
        for _ in 0..<2 {
            try await directory.write(letter)
            try directory.redrive(letter.file)
            await run(scans: 2)
        }
        #expect(store.redrives.map(\.event.id) == [letter.event.id, letter.event.id])
        #expect(store.redrives.allSatisfy { $0.event.originalID == nil && $0.destination == "crm" })
    }

    @Test func aBadFileDoesNotHoldUpAGoodOne() async throws {
        let letter = makeLetter()
        try await directory.write(letter)
        try directory.redrive(letter.file)
        try state.put("{", at: "redrive/0.json")
        await run(scans: 3)
        #expect(store.redrives.count == 1)
        #expect(state.names("redrive") == ["refused"])
        #expect(state.names("redrive/refused") == ["0.json", "0.json.txt"])
        #expect(log.lines.contains { $0.hasPrefix("refused 0.json: line 1:2: the text ends too early") })
    }

    @Test func redriveIsMadeAtStart() async throws {
        await run(scans: 1)
        #expect(state.names("") == ["redrive"])
        #expect(try state.mode("redrive") == 0o700)
    }

    @Test func aLostStateDirectoryIsReportedOnce() async throws {
        try FileManager.default.removeItem(atPath: state.path)
        await run(scans: 4)
        #expect(log.lines == ["failed: cannot open \(state.path): No such file or directory"])
    }

    @Test func cancellationEndsTheLoop() async throws {
        let service = RedriveService(stateDirectory: state.path, store: store) { _ in }
        let task = Task { await service.run() }
        task.cancel()
        await task.value
    }
}
