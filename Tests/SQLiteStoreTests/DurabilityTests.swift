import Dispatch
import Foundation
import GRDB
import Relay
import Synchronization
import Testing

@testable import SQLiteStore

@Suite struct DurabilityTests {
    /// A writer opened as the store opens it; every other test would pass with NORMAL as well.
    @Test func theWriterSyncsEachCommit() throws {
        let sandbox = Sandbox()
        try sandbox.open().close()
        let connection = try Connection(path: sandbox.database)
        let found = try connection.use { database, _ in
            try ["synchronous", "journal_mode", "auto_vacuum", "wal_autocheckpoint", "temp_store"].map {
                try String.fetchOne(database, sql: "PRAGMA \($0)")
            }
        }
        #expect(found == ["2", "wal", "2", "0", "2"])
        try connection.close()
    }

    /// The files are copied while the store works: what had been answered by then is in the copy.
    @Test func whatWasAnsweredSurvivesACrash() async throws {
        let sandbox = Sandbox()
        let store = try sandbox.open()
        defer { store.close() }
        let answered = Mutex<[EventID]>([])
        let others = Mutex(0)
        for number in 0..<600 {
            store.accept(makeOffer("event \(number)", to: ["crm", "chat"], at: 0)) { result in
                if case .success(let acceptance) = result {
                    answered.withLock { $0.append(acceptance.id) }
                } else {
                    others.withLock { $0 += 1 }
                }
            }
            guard number % 150 == 149 else { continue }
            let before = answered.withLock { $0 }
            try await check(try sandbox.crashed(), holds: before)
        }
        _ = try await store.currentCounts()
        #expect(others.withLock { $0 } == 0)
        try await check(try sandbox.crashed(), holds: answered.withLock { $0 })
    }

    private func check(_ copy: Sandbox, holds answered: [EventID]) async throws {
        let store = try copy.open()
        defer { store.close() }
        for destination in ["crm", "chat"] {
            let leased = try await store.leased(destination, 10_000, now: 0).deliveries
            #expect(Set(leased.map(\.event.id)).isSuperset(of: answered))
        }
        #expect(try await store.currentCounts().agree)
        #expect(try copy.rowsAgree(with: try await store.currentCounts()))
    }

    @Test func aChangedBodyIsNeverSent() async throws {
        let sandbox = Sandbox()
        var store = try sandbox.open()
        let bad = try await store.accepted(makeOffer("pay 100", to: ["crm"], at: 0))
        _ = try await store.accepted(makeOffer("pay 200", to: ["crm"], at: 0))
        // An id that is not made of the bytes alone is checked too.
        let repeated = try await store.accepted(makeOffer("pay 200", to: ["crm"], at: 0))
        store.close()
        try sandbox.meddle { try $0.execute(sql: "UPDATE events SET body = x'7061' WHERE id IN (1, 3)") }
        store = try sandbox.open()
        defer { store.close() }
        let lease = try await store.leased("crm", 10, now: 0)
        #expect(lease.deliveries.map(\.bodyText) == ["pay 200"])
        #expect(sandbox.reported == [.corruptEvent(bad.id), .corruptEvent(repeated.id)])
        store.release(lease.deliveries.map(\.key))
        #expect(try await store.leased("crm", 10, now: 0).deliveries.count == 1)
        #expect(sandbox.reported.count == 2)
        #expect(try await store.currentCounts().pending == 3)
    }

    @Test func aPoisonedElementFailsAlone() async throws {
        let sandbox = Sandbox()
        let store = try sandbox.open()
        defer { store.close() }
        // Keeps the store's thread busy until the three wait together: they have to share a transaction.
        let queued = DispatchSemaphore(value: 0)
        store.accept(makeOffer("first", to: [], at: 0)) { _ in queued.wait() }
        let answers = Mutex<[String: Acceptance]>([:])
        // The same destination twice breaks the promise of `Routing` and the key of `deliveries`.
        for (body, destinations) in [("good", ["crm"]), ("poison", ["crm", "crm"]), ("other", ["crm"])] {
            store.accept(makeOffer(body, to: destinations, at: 0)) { result in
                answers.withLock { $0[body] = try? result.get() }
            }
        }
        queued.signal()
        _ = try await store.accepted(makeOffer("last", to: [], at: 0))
        // Nothing in memory remembers the first try: the good ones have the ids of their bytes.
        for body in ["good", "other"] {
            let id = EventID(source: "gruveo", body: Array(body.utf8))
            #expect(answers.withLock { $0[body] } == Acceptance(id: id, isDuplicate: false))
        }
        #expect(answers.withLock { $0["poison"] } == nil)
        #expect(try await store.leased("crm", 10, now: 0).deliveries.count == 2)
        let counts = try await store.currentCounts()
        #expect(counts.matched == 4 && counts.pending == 2 && counts.agree)
        let later = makeOffer("poison", to: ["crm"], at: 0, window: 100)
        let id = EventID(source: later.source, body: later.body)
        #expect(try await store.accepted(later) == Acceptance(id: id, isDuplicate: false))
    }

    /// On a slow disk those that wait would else wait for many syncs.
    @Test func allThatWaitsSharesOneCommit() async throws {
        let sandbox = Sandbox()
        let store = try sandbox.open()
        defer { store.close() }
        let commits = Mutex<[Int]>([])
        store.handOver(to: { fresh in commits.withLock { $0.append(fresh.count) } }, onRewind: {})
        let queued = DispatchSemaphore(value: 0)
        store.accept(makeOffer("first", to: ["crm"], at: 0)) { _ in queued.wait() }
        for number in 0..<4000 { store.accept(makeOffer("\(number)", to: ["crm"], at: 0)) { _ in } }
        queued.signal()
        _ = try await store.currentCounts()
        // The first ones may have gone ahead.
        #expect(commits.withLock { $0.count <= 2 && $0.reduce(0, +) == 4001 })
    }

    @Test func theLimitsRefuseButSettlingGoesOn() async throws {
        let sandbox = Sandbox()
        let store = try sandbox.open { $0.limits.backlog = 2 }
        defer { store.close() }
        _ = try await store.accepted(makeOffer("0", to: ["crm", "chat"], at: 0))
        await #expect { try await store.accepted(makeOffer("1", to: ["crm"], at: 0)) } throws: {
            ($0 as? StoreError)?.kind == .backlog
        }
        var limits = StoreLimits()
        limits.freeSpaceBytes = .max
        store.adjust(limits)
        await #expect { try await store.accepted(makeOffer("1", to: ["crm"], at: 0)) } throws: {
            ($0 as? StoreError)?.kind == .full
        }
        let held = try #require(try await store.leased("crm", 1, now: 0).deliveries.first)
        try await store.settled(held.key, .delivered, makeAttempt(1, status: 200, .delivered))
        limits.freeSpaceBytes = 0
        store.adjust(limits)
        _ = try await store.accepted(makeOffer("1", to: ["crm"], at: 0))
        #expect(try await store.currentCounts().pending == 2)
    }

    @Test func aFullDiskIsAnsweredAndOvercome() async throws {
        let mount = NSTemporaryDirectory() + "/store-tmpfs-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: mount, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: mount) }
        guard getuid() == 0, run("/bin/mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", mount) else {
            try Test.cancel("needs a user who may mount a tmpfs")
        }
        defer { _ = run("/bin/umount", "-l", mount) }
        var options = StoreOptions(directory: mount + "/state")
        options.limits.freeSpaceBytes = 0
        let store = try EmbeddedStore(options) { _ in }
        defer { store.close() }
        var accepted = 0
        var failure: StoreError?
        while failure == nil {
            do {
                _ = try await store.accepted(
                    makeOffer("\(accepted)" + String(repeating: "x", count: 50_000), to: ["crm"], at: 0))
                accepted += 1
            } catch { failure = error as? StoreError }
        }
        #expect(failure?.kind == .full && accepted > 5)
        #expect(run("/bin/mount", "-o", "remount,size=8m", mount))
        _ = try await store.accepted(makeOffer("after", to: ["crm"], at: 0))
        let counts = try await store.currentCounts()
        #expect(counts.matched == accepted + 1 && counts.agree)
        #expect(try await store.leased("crm", 1000, now: 0).deliveries.count == accepted + 1)
    }

    private func run(_ program: String, _ arguments: String...) -> Bool {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        process.standardError = FileHandle.nullDevice
        guard (try? process.run()) != nil else { return false }
        process.waitUntilExit()
        return process.terminationStatus == 0
    }

    @Test func aDatabaseThatWasRemovedTakesNothingMore() async throws {
        let sandbox = Sandbox()
        let test = try sandbox.underTest()
        _ = try await test.store.accepted(makeOffer("before", to: ["crm"], at: 0))
        try FileManager.default.removeItem(atPath: sandbox.directory)
        // The look at the files is taken again at once when limits change, else once a second.
        var limits = StoreLimits()
        limits.freeSpaceBytes = 0
        (test.store as? EmbeddedStore)?.adjust(limits)
        await #expect(throws: StoreError.self) { try await test.store.accepted(makeOffer("x", to: ["crm"], at: 1)) }
    }

    @Test func whatWasDeferredByAClockFarAheadIsDueNow() async throws {
        let sandbox = Sandbox()
        let test = try sandbox.underTest()
        _ = try await test.store.accepted(makeOffer("x", to: ["crm"], at: 0))
        let delivery = try #require(try await test.nextFresh().first)
        let year: Int64 = 365 * 86_400_000
        try await test.store.settled(
            delivery.key, .retry(at: Timestamp(milliseconds: year), charged: true), makeAttempt(1, status: 500))
        #expect(try await test.store.leased("crm", 5, now: year - 3_600_000).deliveries.isEmpty)
        #expect(try await test.store.leased("crm", 5, now: 1000).deliveries.map(\.key) == [delivery.key])
    }
}
