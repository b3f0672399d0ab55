import Foundation
import GRDB
import Relay
import Testing

@testable import SQLiteStore

@Suite struct OpeningTests {
    /// Opens and gives the error that this must end in.
    private func refusal(_ sandbox: Sandbox, acceptsLoss: Bool = false) -> StoreOpenError? {
        do {
            try sandbox.open { $0.acceptsLoss = acceptsLoss }.close()
            return nil
        } catch { return error as? StoreOpenError }
    }

    @Test func filesAreForTheOwnerOnly() async throws {
        let sandbox = Sandbox()
        let store = try sandbox.open()
        _ = try await store.accepted(makeOffer("x", to: ["crm"], at: 0))
        defer { store.close() }
        func mode(_ path: String) throws -> Int? {
            try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        }
        #expect(try mode(sandbox.directory) == 0o700)
        for name in ["queue.sqlite", "queue.sqlite-wal", "queue.sqlite-shm", "queue.mark", "lock"] {
            #expect(try mode(sandbox.directory + "/" + name) == 0o600, "\(name)")
        }
    }

    @Test func aSecondInstanceIsRefusedAndALaterOneIsNot() throws {
        let sandbox = Sandbox()
        let store = try sandbox.open()
        let error = refusal(sandbox)
        #expect(error?.kind == .alreadyRunning(processID: Int(getpid())))
        #expect(error?.exitCode == 75)
        store.close()
        #expect(refusal(sandbox) == nil)
    }

    /// Before, this ended with 77 and "attempt to write a readonly database" at every start.
    @Test func aFirstStartThatWasCutShortIsBegunAgain() async throws {
        let (first, sandbox) = (Sandbox(), Sandbox())
        for made in [first, sandbox] {
            try FileManager.default.createDirectory(atPath: made.directory, withIntermediateDirectories: true)
        }
        try first.meddle { database in
            // More than the cache holds, so that a part of it is in the file when the power goes.
            try database.execute(
                sql: """
                    PRAGMA cache_size = 1; BEGIN; CREATE TABLE half (body BLOB);
                    WITH RECURSIVE numbers(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM numbers WHERE n < 99)
                    INSERT INTO half SELECT zeroblob(5000) FROM numbers
                    """)
            for suffix in ["", "-journal"] {
                try FileManager.default.copyItem(atPath: first.database + suffix, toPath: sandbox.database + suffix)
            }
            try database.execute(sql: "ROLLBACK")
        }
        #expect(refusal(sandbox) == nil)
        #expect(try sandbox.meddle { try $0.tableExists("half") } == false)
    }

    @Test func aNewerDatabaseIsRefusedAndLeftAsItWas() async throws {
        let sandbox = try await Sandbox.filled(1)
        try sandbox.meddle { try $0.execute(sql: "PRAGMA user_version = 99") }
        let error = refusal(sandbox)
        #expect(error?.kind == .newerSchema(found: 99, known: 2) && error?.exitCode == 65)
        #expect(try sandbox.meddle { try Int.fetchOne($0, sql: "PRAGMA user_version") } == 99)
    }

    @Test(arguments: ["removed", "emptied"])
    func aMissingDatabaseIsNoEmptyQueue(_ how: String) async throws {
        let sandbox = try await Sandbox.filled(3)
        try FileManager.default.removeItem(atPath: sandbox.database)
        if how == "emptied" { _ = FileManager.default.createFile(atPath: sandbox.database, contents: Data()) }
        let error = refusal(sandbox)
        #expect(error?.kind == .databaseMissing && error?.exitCode == 65)
        #expect(refusal(sandbox, acceptsLoss: true) == nil)
        guard case .eventsMissing(count: 3, keptIn: _) = sandbox.reported.first else {
            Issue.record("the loss was not reported: \(sandbox.reported)")
            return
        }
    }

    @Test func aDatabaseThatEndsTooEarlyIsRefusedWithTheCount() async throws {
        let sandbox = try await Sandbox.filled(5)
        try sandbox.meddle { database in
            try database.execute(sql: "DELETE FROM events WHERE id > 3; DELETE FROM deliveries WHERE id > 3 << 16 | 9")
            try database.execute(sql: "UPDATE totals SET last_event = 3, matched = 3, routed = 3, pending = 3")
        }
        #expect(refusal(sandbox)?.kind == .eventsMissing(count: 2))
        #expect(refusal(sandbox, acceptsLoss: true) == nil)
        guard case .eventsMissing(count: 2, let place) = sandbox.reported.first else {
            Issue.record("the loss was not reported: \(sandbox.reported)")
            return
        }
        #expect(FileManager.default.fileExists(atPath: place + "/queue.sqlite"))
        #expect(refusal(sandbox) == nil)
    }

    /// Reading the WAL must not fold it into the database: a person may still salvage from it.
    @Test func aRefusalLeavesTheLogAlone() async throws {
        let sandbox = Sandbox()
        let store = try sandbox.open()
        defer { store.close() }
        for number in 0..<20 { _ = try await store.accepted(makeOffer("\(number)", to: ["crm"], at: 0)) }
        let copy = try sandbox.crashed()
        try MarkFile(path: copy.directory + "/queue.mark").write(Mark(highest: 21))
        let before = try Data(contentsOf: URL(fileURLWithPath: copy.database + "-wal"))
        #expect(refusal(copy)?.kind == .eventsMissing(count: 1))
        #expect(try Data(contentsOf: URL(fileURLWithPath: copy.database + "-wal")) == before)
    }

    @Test func aLostMarkIsRebuiltAndReported() async throws {
        let sandbox = try await Sandbox.filled(2)
        try FileManager.default.removeItem(atPath: sandbox.directory + "/queue.mark")
        #expect(refusal(sandbox) == nil)
        #expect(sandbox.reported == [.markRebuilt])
        try Data("nonsense".utf8).write(to: URL(fileURLWithPath: sandbox.directory + "/queue.mark"))
        #expect(refusal(sandbox) == nil)
        #expect(sandbox.reported == [.markRebuilt, .markRebuilt])
    }

    @Test func aBrokenPageIsSeen() async throws {
        let sandbox = try await Sandbox.filled(200)
        let handle = try FileHandle(forUpdating: URL(fileURLWithPath: sandbox.database))
        let size = try handle.seekToEnd()
        for page in stride(from: UInt64(4096), to: size, by: 4096) {
            try handle.seek(toOffset: page)
            try handle.write(contentsOf: Data(repeating: 0xA5, count: 64))
        }
        try handle.close()
        #expect(refusal(sandbox)?.kind == .damaged)
    }

    @Test func whatIsNoDatabaseIsDamaged() throws {
        let sandbox = Sandbox()
        try FileManager.default.createDirectory(atPath: sandbox.directory, withIntermediateDirectories: true)
        try Data(repeating: 0x41, count: 9000).write(to: URL(fileURLWithPath: sandbox.database))
        #expect(refusal(sandbox)?.kind == .damaged)
    }

    @Test func aParentThatIsMissingCannotBeMade() {
        let sandbox = Sandbox()
        let options = StoreOptions(directory: sandbox.directory + "/a/b")
        #expect { try EmbeddedStore(options) { _ in } } throws: { ($0 as? StoreOpenError)?.exitCode == 73 }
    }

    @Test func whatIsAskedAfterClosingIsRefused() async throws {
        let sandbox = Sandbox()
        let store = try sandbox.open()
        store.close()
        await #expect { try await store.accepted(makeOffer("x", to: ["crm"], at: 0)) } throws: {
            ($0 as? StoreError)?.kind == .closed
        }
        await #expect { try await store.currentCounts() } throws: { ($0 as? StoreError)?.kind == .closed }
    }
}
