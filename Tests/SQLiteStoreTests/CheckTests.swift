import Foundation
import GRDB
import Relay
import Testing

@testable import SQLiteStore

@Suite struct CheckTests {
    /// Whether an opening takes the database for what a clean stop has left.
    private func needsNoCheck(_ sandbox: Sandbox) throws -> Bool {
        let opening = StoreOpening(options: StoreOptions(directory: sandbox.directory)) { _ in }
        return try opening.inspect(StateDirectory(sandbox.directory))
    }

    private func verdict(_ sandbox: Sandbox) async throws -> StoreCheck.Verdict {
        let check = try StoreCheck(path: sandbox.database)
        return await withCheckedContinuation { continuation in check.start { continuation.resume(returning: $0) } }
    }

    /// Opens a store as `serve` does and gives what its check reports first.
    private func checked(_ sandbox: Sandbox) async throws -> (EmbeddedStore, StoreTrouble?) {
        let (troubles, found) = AsyncStream.makeStream(of: StoreTrouble.self)
        var options = StoreOptions(directory: sandbox.directory)
        options.limits.freeSpaceBytes = 0
        let store = try EmbeddedStore(options) { found.yield($0) }
        store.checkInBackground()
        return (store, await troubles.first { _ in true })
    }

    @Test func aCleanStopNeedsNoCheckAndACrashDoes() async throws {
        let sandbox = try await Sandbox.filled(3, to: ["crm", "chat"])
        #expect(try needsNoCheck(sandbox))
        let store = try sandbox.open()
        _ = try await store.accepted(makeOffer("x", to: ["crm"], at: 0))
        let crashed = try sandbox.crashed()
        store.close()
        #expect(try needsNoCheck(sandbox))
        #expect(try !needsNoCheck(crashed))
    }

    /// A copy that was put in its place, or an edit: the note of the clean stop is about another file.
    @Test func aFileThatWasChangedSinceTheCleanStopIsChecked() async throws {
        let sandbox = try await Sandbox.filled(3, to: ["crm", "chat"])
        try sandbox.meddle { try $0.execute(sql: "UPDATE events SET received = 1; PRAGMA wal_checkpoint(TRUNCATE)") }
        #expect(try !needsNoCheck(sandbox))
    }

    @Test func aMarkWithAChangedDigitIsUnreadable() {
        let stamp = FileStamp(size: 4096, modifiedNanoseconds: 1_795_383_327_419_000_000, inode: 7)
        for mark in [Mark(highest: 0), Mark(highest: 21), Mark(highest: .max, closed: stamp)] {
            let text = MarkFile.encode(mark)
            #expect(MarkFile.decode(text) == mark)
            for offset in text.utf8.indices {
                var bytes = Array(text.utf8)
                bytes[text.utf8.distance(from: text.startIndex, to: offset)] ^= 1
                #expect(MarkFile.decode(String(decoding: bytes, as: UTF8.self)) == nil)
            }
        }
    }

    @Test func whatIsSoundIsCalledSound() async throws {
        #expect(try await verdict(try await Sandbox.filled(50, to: ["crm", "chat"])) == .sound)
    }

    @Test(arguments: [
        ("UPDATE deliveries SET state = 2 WHERE id = 3 << 16 | 1", "5 deliveries are pending, 6 should be"),
        ("UPDATE deliveries SET state = 9 WHERE id = 3 << 16 | 1", "5 deliveries are pending"),
        ("DELETE FROM events WHERE id = 2", "the event of 2 deliveries is missing"),
        ("DELETE FROM deliveries WHERE id > 3 << 16", "4 deliveries are pending, 6 should be"),
    ])
    func rowsThatContradictTheBooksAreDamage(_ change: String, _ finding: String) async throws {
        let sandbox = try await Sandbox.filled(3, to: ["crm", "chat"])
        // The last digits of a key are the destination's number.
        try sandbox.meddle { try $0.execute(sql: change) }
        guard case .damaged(let found) = try await verdict(sandbox) else {
            Issue.record("not noticed: \(change)")
            return
        }
        #expect(found.hasPrefix(finding), "\(found)")
    }

    /// Neither opening nor the books read the attempts: only SQLite's own look at every page comes there.
    @Test func aBrokenPageThatNobodyReadsIsFound() async throws {
        let sandbox = try await Sandbox.filled(3, to: ["crm"])
        let sql = "SELECT rootpage FROM sqlite_schema WHERE name = 'attempts'"
        let page = try #require(try sandbox.meddle { try Int.fetchOne($0, sql: sql) })
        try sandbox.overwrite(page: page)
        try sandbox.open().close()
        guard case .damaged = try await verdict(sandbox) else {
            Issue.record("page \(page) was not looked at")
            return
        }
    }

    @Test func anEventIsRefusedOnceDamageIsKnown() async throws {
        let sandbox = try await Sandbox.filled(3, to: ["crm", "chat"])
        try sandbox.meddle { try $0.execute(sql: "UPDATE totals SET pending = 7, routed = 7") }
        let (store, trouble) = try await checked(sandbox)
        #expect(trouble == .damaged("6 deliveries are pending, 7 should be"))
        await #expect { try await store.accepted(makeOffer("new", to: ["crm"], at: 0)) } throws: {
            ($0 as? StoreError)?.kind == .failed
        }
        #expect(await store.damage() != nil)
        // What is there goes out all the same.
        #expect(try await store.leased("crm", 10, now: 0).deliveries.count == 3)
        store.close()
        #expect(try !needsNoCheck(sandbox), "a damaged database was closed as a sound one")
    }

    @Test func aCheckedDatabaseNeedsNoOtherCheck() async throws {
        let sandbox = Sandbox()
        let running = try sandbox.open()
        _ = try await running.accepted(makeOffer("x", to: ["crm"], at: 0))
        let crashed = try sandbox.crashed()
        running.close()
        let (store, trouble) = try await checked(crashed)
        guard case .verified = trouble else {
            Issue.record("\(String(describing: trouble))")
            return
        }
        store.close()
        #expect(try needsNoCheck(crashed))
    }

    @Test func aStoreThatWasNotCheckedIsNotCalledSoundAtItsStop() async throws {
        let sandbox = Sandbox()
        let running = try sandbox.open()
        _ = try await running.accepted(makeOffer("x", to: ["crm"], at: 0))
        let crashed = try sandbox.crashed()
        running.close()
        try crashed.open().close()
        #expect(try !needsNoCheck(crashed))
    }
}
