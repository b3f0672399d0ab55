import Foundation
import GRDB
import Relay
import Testing

@testable import SQLiteStore

/// Databases of earlier formats, as they were released, are brought forward with all that is in them.
@Suite struct MigrationTests {
    /// The first format, written down here once more: whoever changes the released step in `Schema` finds out.
    private static let first = """
        CREATE TABLE sources (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
        CREATE TABLE destinations (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
        CREATE TABLE route_lists (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
        CREATE TABLE events (
            id INTEGER PRIMARY KEY, high INTEGER NOT NULL, low INTEGER NOT NULL, source INTEGER NOT NULL,
            received INTEGER NOT NULL, kind INTEGER NOT NULL, routes INTEGER, contents INTEGER,
            original_high INTEGER, original_low INTEGER, reason TEXT, body BLOB NOT NULL);
        CREATE TABLE deliveries (
            id INTEGER PRIMARY KEY, state INTEGER NOT NULL, attempts INTEGER, due INTEGER, started INTEGER,
            replay INTEGER, at INTEGER, duration INTEGER, status INTEGER);
        CREATE INDEX deferred ON deliveries (id & 65535, due) WHERE state = 1;
        CREATE TABLE attempts (
            id INTEGER PRIMARY KEY, delivery INTEGER NOT NULL, number INTEGER NOT NULL, at INTEGER NOT NULL,
            duration INTEGER NOT NULL, outcome TEXT NOT NULL, status INTEGER, error TEXT, response BLOB NOT NULL);
        CREATE INDEX attempts_of ON attempts (delivery);
        CREATE TABLE totals (
            matched INTEGER NOT NULL, unmatched INTEGER NOT NULL, quarantined INTEGER NOT NULL,
            duplicates INTEGER NOT NULL, routed INTEGER NOT NULL, replayed INTEGER NOT NULL,
            delivered INTEGER NOT NULL, pending INTEGER NOT NULL, dead INTEGER NOT NULL, discarded INTEGER NOT NULL,
            pruned_delivered INTEGER NOT NULL, pruned_dead INTEGER NOT NULL, pruned_discarded INTEGER NOT NULL,
            pruned_events INTEGER NOT NULL, last_event INTEGER NOT NULL);
        PRAGMA user_version = 1;
        """

    /// Three events to one destination: delivered, deferred until 9 s after one attempt, and fresh.
    private static let contents = """
        INSERT INTO sources VALUES (1, 'gruveo');
        INSERT INTO destinations VALUES (1, 'crm');
        INSERT INTO route_lists VALUES (1, '12:missed calls,');
        INSERT INTO deliveries VALUES (1 << 16 | 1, 2, 1, NULL, NULL, NULL, 5000, 3, 200);
        INSERT INTO deliveries VALUES (2 << 16 | 1, 1, 1, 9000, NULL, NULL, NULL, NULL, NULL);
        INSERT INTO deliveries VALUES (3 << 16 | 1, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
        INSERT INTO attempts VALUES (1, 2 << 16 | 1, 1, 5000, 3, 'retry', 503, NULL, x'');
        INSERT INTO totals VALUES (3, 0, 0, 0, 3, 0, 1, 2, 0, 0, 0, 0, 0, 0, 3);
        """

    private func inFirstFormat(_ more: String = "") throws -> Sandbox {
        let sandbox = Sandbox()
        try FileManager.default.createDirectory(atPath: sandbox.directory, withIntermediateDirectories: true)
        try sandbox.meddle { database in
            try database.execute(sql: "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL")
            try database.execute(sql: Self.first + Self.contents + more)
            for (row, body) in ["one", "two", "three"].enumerated() {
                let id = EventID(source: "gruveo", body: Array(body.utf8))
                try database.execute(
                    sql: "INSERT INTO events VALUES (?, ?, ?, 1, 1000, 0, 1, NULL, NULL, NULL, NULL, ?)",
                    arguments: [
                        row + 1, Int64(bitPattern: id.high), Int64(bitPattern: id.low), Data(body.utf8),
                    ])
            }
        }
        return sandbox
    }

    /// All that the format consists of, without comments and with the same spacing.
    private func format(_ sandbox: Sandbox) throws -> [String] {
        try sandbox.meddle { database in
            let texts = try String.fetchAll(database, sql: "SELECT sql FROM sqlite_schema WHERE sql NOT NULL")
            let version = try Int.fetchOne(database, sql: "PRAGMA user_version") ?? 0
            let words = texts.map { $0.split(whereSeparator: \.isWhitespace).joined(separator: " ") }
            return words.sorted() + ["\(version)"]
        }
    }

    @Test func theFirstFormatIsBroughtForwardAndEverythingInItIsDelivered() async throws {
        let sandbox = try inFirstFormat()
        let store = try sandbox.open()
        let lease = try await store.leased("crm", 10, now: 9000)
        #expect(Set(lease.deliveries.map { "\($0.bodyText) \($0.attempts)" }) == ["two 1", "three 0"])
        #expect(lease.deliveries.allSatisfy { $0.event.routes == ["missed calls"] })
        for delivery in lease.deliveries {
            let number = delivery.attempts + 1
            try await store.settled(delivery.key, .delivered, makeAttempt(number, status: 200, .delivered))
        }
        let known = try await store.accepted(makeOffer("one", to: ["crm"], at: 2000, window: 86_400_000))
        #expect(known.isDuplicate)
        let counts = try await store.currentCounts()
        #expect((counts.delivered, counts.pending) == (3, 0))
        store.close()
        #expect(try format(sandbox) == format(try await Sandbox.filled(1)))
    }

    /// The first page that a repair takes is one of its own format, and of the last one after the migration.
    @Test(arguments: [false, true]) func aBrokenFirstPageCostsNothing(isBroughtForward: Bool) throws {
        let sandbox = try inFirstFormat()
        if isBroughtForward { try sandbox.open().close() }
        try sandbox.overwrite(page: 1)
        let report = try StoreRepair(directory: sandbox.directory).run(now: Timestamp(milliseconds: 0)).salvage
        #expect((report.events, report.pending, report.settled) == (3, 2, 1))
        #expect(report.lostEvents == 0 && report.gaps == 1)
        #expect(try format(sandbox).last == "\(Schema.version)")
    }

    @Test func aMigrationThatIsCutShortLeavesTheDatabaseAsItWas() throws {
        // The second step makes this table too, behind another one: it fails half-way.
        let sandbox = try inFirstFormat("CREATE TABLE lane_key (key BLOB NOT NULL);")
        let before = try format(sandbox)
        #expect(throws: StoreOpenError.self) { try sandbox.open() }
        #expect(try format(sandbox) == before)
        try sandbox.meddle { try $0.execute(sql: "DROP TABLE lane_key") }
        try sandbox.open().close()
    }
}
