import Foundation
import GRDB
import Relay
import Testing

@testable import SQLiteStore

@Suite struct SalvageTests {
    private static let time = Timestamp(milliseconds: 1_795_383_327_419)

    /// Events with two deliveries each, of which the first event's first one is delivered, another one deferred.
    private func filled(_ count: Int) async throws -> Sandbox {
        let sandbox = Sandbox()
        let test = try sandbox.underTest()
        for number in 0..<count {
            let body = "event \(number) " + String(repeating: "x", count: number % 50 == 0 ? 9_000 : 500)
            _ = try await test.store.accepted(makeOffer(body, to: ["crm", "chat"], at: Int64(number)))
        }
        let fresh = try await test.nextFresh()
        try await test.store.settled(fresh[0].key, .delivered, makeAttempt(1, status: 200, .delivered))
        let due = Timestamp(milliseconds: 5_000)
        try await test.store.settled(fresh[1].key, .retry(at: due, charged: true), makeAttempt(1, status: 500))
        (test.store as? EmbeddedStore)?.close()
        return sandbox
    }

    private func repaired(_ sandbox: Sandbox) throws -> StoreRepair.Report {
        try StoreRepair(directory: sandbox.directory).run(now: Self.time)
    }

    /// What a sound database gives: everything, with the same keys, books and attempts.
    @Test func aSoundDatabaseComesOverWhole() async throws {
        let sandbox = try await filled(60)
        let report = try repaired(sandbox)
        #expect(report.salvage.events == 60 && report.salvage.pending == 119 && report.salvage.settled == 1)
        #expect(report.salvage.lostEvents == 0 && report.salvage.gaps == 0 && report.salvage.lostDeliveries == 0)
        let store = try sandbox.open()
        defer { store.close() }
        let counts = try await store.currentCounts()
        #expect(counts.agree && counts.pending == 119 && counts.delivered == 1 && counts.matched == 60)
        #expect(try sandbox.rowsAgree(with: counts))
        let deliveries = try await store.leased("chat", 100, now: 10_000).deliveries
        #expect(deliveries.count == 60)
        let deferred = try #require(deliveries.first { $0.attempts == 1 })
        let attempts = try await awaiting { store.attempts(of: deferred.key, completion: $0) }
        #expect(attempts.map(\.status) == [500])
        // Its bytes are still a duplicate.
        let again = makeOffer(deliveries[3].bodyText, to: ["crm"], at: 1, window: 1_000_000)
        #expect(try await store.accepted(again).isDuplicate)
        #expect(sandbox.reported.isEmpty)
    }

    /// One leaf of a table after the other: no more is lost than was on it, and what is lost is counted.
    @Test func aBrokenPageCostsWhatWasOnIt() async throws {
        let original = try await filled(150)
        let pages = try original.meddle { try Int.fetchOne($0, sql: "PRAGMA page_count") } ?? 0
        var fullLosses = 0
        var lossByPage: [(page: Int, lost: Int)] = []
        for page in stride(from: 2, through: pages, by: 7) {
            let sandbox = try original.crashed()
            try sandbox.overwrite(page: page)
            let report = try repaired(sandbox).salvage
            if report.events == 0 { fullLosses += 1 }
            let store = try sandbox.open()
            let counts = try await store.currentCounts()
            #expect(counts.agree, "page \(page)")
            #expect(counts.pending == report.pending, "page \(page)")
            let lost = try #require(report.lostEvents, "page \(page)")
            #expect(report.events + lost == 150, "page \(page)")
            let leased = try await store.leased("chat", 1000, now: 10_000).deliveries
            #expect(leased.allSatisfy { $0.bodyText.hasPrefix("event ") })
            store.close()
            if (1...20).contains(lost) { lossByPage.append((page, lost)) }
        }
        // What lies between two broken pages is found as well.
        let (first, last) = try (#require(lossByPage.first), #require(lossByPage.last))
        let sandbox = try original.crashed()
        for page in [first.page, last.page] { try sandbox.overwrite(page: page) }
        #expect(first.page < last.page)
        #expect(try repaired(sandbox).salvage.lostEvents == first.lost + last.lost)
        #expect(fullLosses <= 2, "only the roots of events and of sources take all with them")
    }

    /// Cut off between two pages, or within one: the others are read, although the header tells of more.
    @Test(arguments: [1, 1_000, 4_096, 8 * 4_096 + 1_000, 16 * 4_096])
    func aShortenedFileCostsWhatWasCutOff(_ cut: Int64) async throws {
        let sandbox = try await filled(150)
        let size = try #require(try StateDirectory.size(sandbox.database))
        truncate(sandbox.database, Int(size - cut))
        let report = try repaired(sandbox).salvage
        let lost = try #require(report.lostEvents)
        #expect(report.unreadable == nil && report.events + lost == 150)
        #expect(lost <= cut / 500 + 1, "an event has more than 500 bytes")
        let store = try sandbox.open()
        defer { store.close() }
        #expect(try await store.currentCounts().pending == report.pending)
    }

    /// Header and schema are the same in each database of a version, so that nothing is lost with them.
    @Test(arguments: [0..<4_096, 0..<16, 0..<512, 512..<4_096, 3_584..<4_096, 16..<100], [0, 0xA5] as [UInt8])
    func aBrokenFirstPageCostsNothing(_ range: Range<Int>, _ byte: UInt8) async throws {
        let sandbox = try await filled(60)
        try sandbox.overwrite(page: 1, from: range.lowerBound, with: byte, count: range.count)
        let before = try Data(contentsOf: URL(fileURLWithPath: sandbox.database))
        let report = try repaired(sandbox)
        #expect(report.salvage.events == 60 && report.salvage.pending == 119 && report.salvage.settled == 1)
        #expect(report.salvage.lostEvents == 0 && report.salvage.gaps == 1)
        #expect(try Data(contentsOf: URL(fileURLWithPath: report.keptIn + "/queue.sqlite")) == before)
        let files = try FileManager.default.contentsOfDirectory(atPath: sandbox.directory)
        #expect(!files.contains { $0.hasPrefix("repair") })
        let store = try sandbox.open()
        defer { store.close() }
        #expect(try sandbox.rowsAgree(with: try await store.currentCounts()))
    }

    /// A column has another name, a number of the header another value: SQLite does not call that damaged.
    @Test(arguments: ["last_event", "schema format", "page count"])
    func aFirstPageThatOnlySaysSomethingElseCostsNothing(_ what: String) async throws {
        let sandbox = try await filled(60)
        let page = try Data(contentsOf: URL(fileURLWithPath: sandbox.database)).prefix(4_096)
        let offset = try #require(
            what == "schema format" ? 47 : what == "page count" ? 31 : page.range(of: Data(what.utf8))?.lowerBound)
        try sandbox.overwrite(page: 1, from: offset, with: what == "page count" ? 5 : 0x78, count: 1)
        #expect(StoreExamination(directory: sandbox.directory).findings.map(\.isRepairable) == [true])
        #expect { try sandbox.open().close() } throws: { ($0 as? StoreOpenError)?.exitCode == 65 }
        let report = try repaired(sandbox).salvage
        #expect(report.events == 60 && report.pending == 119 && report.lostEvents == 0)
    }

    /// A table more than there was, or the roots in another order: pages would be read as what they are not.
    @Test(arguments: ["CREATE TABLE another (id INTEGER PRIMARY KEY)", "VACUUM"])
    func aFirstPageIsOnlyTakenWhereTheRootsAreItsOwn(_ change: String) async throws {
        let sandbox = try await filled(60)
        try sandbox.meddle { try $0.execute(sql: change) }
        let sound = try sandbox.crashed()
        #expect(try repaired(sound).salvage.events == 60)
        // A file that is only too short needs no other first page.
        let short = try sandbox.crashed()
        truncate(short.database, Int(try #require(try StateDirectory.size(short.database)) - 4_096))
        let rest = try repaired(short).salvage
        #expect(rest.events > 50 && rest.lostEvents == 60 - rest.events)
        try sandbox.overwrite(page: 1)
        let report = try repaired(sandbox).salvage
        #expect(report.events == 0 && report.unreadable != nil)
        #expect(report.lostEvents == nil && report.acceptedAtLeast == 60)
    }

    /// The end of a page and the beginning of the next: what is left of the first gives keys that nobody asked for.
    @Test(.timeLimit(.minutes(10))) func halvesOfTwoPagesAreGoneAroundInTime() async throws {
        let original = try await filled(150)
        let pages = try original.meddle { try Int.fetchOne($0, sql: "PRAGMA page_count") } ?? 0
        for page in stride(from: 2, to: pages - 1, by: 3) {
            let sandbox = try original.crashed()
            try sandbox.overwrite(page: page, from: 16, with: 0)
            let report = try repaired(sandbox).salvage
            // Nil where the books are on that page.
            let lost = report.lostEvents ?? 150 - report.events
            #expect(report.events + lost == 150, "page \(page)")
        }
    }

    @Test func aChangedEventIsLeftOutAndItsDeliveriesAreCounted() async throws {
        let sandbox = try await filled(10)
        try sandbox.meddle { try $0.execute(sql: "UPDATE events SET body = x'7061' WHERE id = 4") }
        let found = StoreExamination(directory: sandbox.directory)
        #expect(found.brokenDeliveries == 2 && found.brokenEvents.count == 1)
        #expect(found.findings.map(\.exitCode) == [65])
        let report = try repaired(sandbox).salvage
        #expect(report.brokenEvents == found.brokenEvents && report.brokenEventCount == 1)
        #expect(report.lostDeliveries == 2 && report.lostEvents == 1 && report.events == 9)
        #expect(StoreExamination(directory: sandbox.directory).findings.isEmpty)
    }

    @Test func aDatabaseThatIsGoneIsCountedByItsMark() async throws {
        let sandbox = try await filled(10)
        try FileManager.default.removeItem(atPath: sandbox.database)
        let report = try repaired(sandbox).salvage
        #expect(report.unreadable != nil && report.events == 0)
        #expect(report.lostEvents == nil && report.acceptedAtLeast == 10)
        let store = try sandbox.open()
        // No row number is used again.
        _ = try await store.accepted(makeOffer("new", to: ["crm"], at: 0))
        #expect(try sandbox.meddle { try Int.fetchOne($0, sql: "SELECT max(id) FROM events") } == 11)
        store.close()
    }

    @Test func theOldFilesAreKeptAsTheyWere() async throws {
        let sandbox = try await filled(30)
        try sandbox.overwrite(page: 6)
        let before = try Data(contentsOf: URL(fileURLWithPath: sandbox.database))
        let report = try repaired(sandbox)
        #expect(report.keptIn == sandbox.directory + "/damaged-\(Self.time.compact)")
        #expect(try Data(contentsOf: URL(fileURLWithPath: report.keptIn + "/queue.sqlite")) == before)
        #expect(FileManager.default.fileExists(atPath: report.keptIn + "/queue.mark"))
    }

    /// After a crash between the two renames the relay does not start empty, and another repair ends the first one.
    @Test func aRepairThatWasCutShortIsEndedByTheNext() async throws {
        let sandbox = try await filled(20)
        let report = try repaired(sandbox)
        let files = FileManager.default
        try files.moveItem(atPath: sandbox.database, toPath: sandbox.directory + "/repair.sqlite")
        #expect { try sandbox.open() } throws: { ($0 as? StoreOpenError)?.kind == .databaseMissing }
        try files.removeItem(atPath: report.keptIn)
        _ = try repaired(sandbox)
        let store = try sandbox.open()
        defer { store.close() }
        #expect(try await store.currentCounts().matched == 20)
    }

    @Test func aNewerDatabaseIsNotTouched() async throws {
        let sandbox = try await filled(2)
        try sandbox.meddle { try $0.execute(sql: "PRAGMA user_version = 99") }
        #expect(StoreExamination(directory: sandbox.directory).findings.map(\.isRepairable) == [false])
        #expect { try repaired(sandbox) } throws: {
            if case .newerSchema = ($0 as? StoreOpenError)?.kind { true } else { false }
        }
        #expect(try sandbox.meddle { try Int.fetchOne($0, sql: "SELECT count(*) FROM events") } == 2)
    }

    @Test func aRunningStoreIsNotRepaired() async throws {
        let sandbox = try await filled(2)
        let store = try sandbox.open()
        defer { store.close() }
        #expect { try repaired(sandbox) } throws: { ($0 as? StoreOpenError)?.exitCode == 75 }
        #expect(StoreExamination(directory: sandbox.directory).holder == Int(getpid()))
    }
}
