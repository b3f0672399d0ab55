internal import GRDB

/// The numbered steps from an empty database to the one that this version reads; `PRAGMA user_version` counts them.
///
/// Rows of one event are neighbours: a delivery's key is its event's row number and its destination's number, so new
/// rows go to the right edge of every table and no index with random keys is on the hot path.
enum Schema {
    /// A delivery's key is `event << destinationBits | destination`.
    static let destinationBits: Int64 = 16
    static let destinationMask: Int64 = 0xFFFF

    /// The keys that an event's deliveries may have.
    static func keys(ofEvent event: Int64) -> ClosedRange<Int64> {
        event << destinationBits...event << destinationBits | destinationMask
    }

    static var version: Int { steps.count }

    /// Never change a step that was released: add one.
    private static let steps: [String] = [
        """
        CREATE TABLE sources (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
        CREATE TABLE destinations (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
        -- Each distinct list of matched routes once, as netstrings.
        CREATE TABLE route_lists (id INTEGER PRIMARY KEY, name TEXT NOT NULL);

        -- kind: 0 matched, 1 unmatched, 2 quarantined, 3 redriven. high, low: the event id.
        -- contents: high half of the id of source and body, where the event's own id is another.
        CREATE TABLE events (
            id INTEGER PRIMARY KEY, high INTEGER NOT NULL, low INTEGER NOT NULL, source INTEGER NOT NULL,
            received INTEGER NOT NULL, kind INTEGER NOT NULL, routes INTEGER, contents INTEGER,
            original_high INTEGER, original_low INTEGER, reason TEXT, body BLOB NOT NULL);

        -- state: 0 fresh, 1 deferred, 2 delivered, 3 dead, 4 discarded. started: null for the event's receive time.
        -- at, duration, status: of the attempt that settled it. Times in milliseconds.
        CREATE TABLE deliveries (
            id INTEGER PRIMARY KEY, state INTEGER NOT NULL, attempts INTEGER, due INTEGER, started INTEGER,
            replay INTEGER, at INTEGER, duration INTEGER, status INTEGER);
        CREATE INDEX deferred ON deliveries (id & 65535, due) WHERE state = 1;

        -- Attempts that did not deliver.
        CREATE TABLE attempts (
            id INTEGER PRIMARY KEY, delivery INTEGER NOT NULL, number INTEGER NOT NULL, at INTEGER NOT NULL,
            duration INTEGER NOT NULL, outcome TEXT NOT NULL, status INTEGER, error TEXT, response BLOB NOT NULL);
        CREATE INDEX attempts_of ON attempts (delivery);

        -- One row: all since the directory was made. routed + replayed = delivered + pending + dead + discarded.
        CREATE TABLE totals (
            matched INTEGER NOT NULL, unmatched INTEGER NOT NULL, quarantined INTEGER NOT NULL,
            duplicates INTEGER NOT NULL, routed INTEGER NOT NULL, replayed INTEGER NOT NULL,
            delivered INTEGER NOT NULL, pending INTEGER NOT NULL, dead INTEGER NOT NULL, discarded INTEGER NOT NULL,
            pruned_delivered INTEGER NOT NULL, pruned_dead INTEGER NOT NULL, pruned_discarded INTEGER NOT NULL,
            pruned_events INTEGER NOT NULL, last_event INTEGER NOT NULL);
        INSERT INTO totals VALUES (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
        """,
        """
        -- `LaneRecord` by the destination's number. Times in milliseconds; stopped: for how long its clock has stood.
        CREATE TABLE lanes (
            destination INTEGER PRIMARY KEY, identity BLOB NOT NULL, held INTEGER, code TEXT, reason TEXT, advice TEXT,
            probe INTEGER, failed_probes INTEGER, rest_until INTEGER, paused INTEGER, orphaned INTEGER,
            stopped INTEGER NOT NULL, stopped_at INTEGER);
        -- One row: the key under which destinations are known in `lanes`.
        CREATE TABLE lane_key (key BLOB NOT NULL);
        INSERT INTO lane_key VALUES (randomblob(32));
        """,
    ]

    /// Brings the database to a version in one transaction.
    static func migrate(_ database: Database, to version: Int = version) throws {
        let found = try Int.fetchOne(database, sql: "PRAGMA user_version") ?? 0
        guard found < version else { return }
        try database.inTransaction(.immediate) {
            for step in steps[found..<version] { try database.execute(sql: step) }
            try database.execute(sql: "PRAGMA user_version = \(version)")
            return .commit
        }
    }

    /// The names of the tables and indexes of a version.
    static func objects(of version: Int) throws -> [String] {
        try DatabaseQueue().writeWithoutTransaction { database in
            try migrate(database, to: version)
            return try objects(database)
        }
    }

    /// The names of the tables and indexes that a database has.
    static func objects(_ database: Database) throws -> [String] {
        try String.fetchAll(database, sql: "SELECT name FROM sqlite_schema ORDER BY name")
    }
}
