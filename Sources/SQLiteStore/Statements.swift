internal import GRDB

/// Every statement that the running store uses, prepared once for each connection.
struct Statements {
    let begin, beginReading, commit, rollback: PreparedStatement
    let insertEvent, insertFresh, insertStarted, insertReplay, updateTotals, replaceLane: PreparedStatement
    let settleDelivered, settleDead, settleRetry, insertAttempt, revive, discard, hasten: PreparedStatement
    let selectEvent, selectDelivery: PreparedStatement
    let attempts: AttemptRows
    let leasing: LeaseStatements
    let scanReceived, scanStagesOf, noteDelivered, makeDue, noteRoutes: PreparedStatement
    let dropping: DropStatements
    let pruning: PruneStatements

    init(_ database: Database) throws {
        func prepare(_ sql: String) throws -> PreparedStatement { try PreparedStatement(database, sql) }
        begin = try prepare("BEGIN IMMEDIATE")
        beginReading = try prepare("BEGIN DEFERRED")
        commit = try prepare("COMMIT")
        rollback = try prepare("ROLLBACK")
        insertEvent = try prepare(
            """
            INSERT INTO events (id, high, low, source, received, kind, routes, contents, original_high, original_low,
            reason, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """)
        insertFresh = try prepare("INSERT INTO deliveries (id, state) VALUES (?, 0)")
        insertStarted = try prepare("INSERT INTO deliveries (id, state, started) VALUES (?, 0, ?)")
        insertReplay = try prepare("INSERT INTO deliveries (id, state, started, replay) VALUES (?, 0, ?, 1)")
        replaceLane = try prepare(LaneRows.replace)
        updateTotals = try prepare("UPDATE totals SET " + Totals.columns.map { "\($0) = ?" }.joined(separator: ", "))
        settleDelivered = try prepare(
            "UPDATE deliveries SET state = 2, attempts = ?, at = ?, duration = ?, status = ? WHERE id = ? AND state < 2"
        )
        settleDead = try prepare(
            "UPDATE deliveries SET state = 3, attempts = ?, at = ?, duration = ?, status = ? WHERE id = ? AND state < 2"
        )
        settleRetry = try prepare(
            """
            UPDATE deliveries SET state = 1, due = ?, attempts = ifnull(attempts, 0) + ?, started = ifnull(?, started)
            WHERE id = ? AND state < 2
            """)
        insertAttempt = try prepare(
            """
            INSERT INTO attempts (delivery, number, at, duration, outcome, status, error, response)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?)
            """)
        revive = try prepare(
            """
            UPDATE deliveries SET state = 0, attempts = NULL, due = NULL, started = ?, replay = 1, at = NULL,
            duration = NULL, status = NULL WHERE id = ?
            """)
        discard = try prepare("UPDATE deliveries SET state = 4 WHERE id = ?")
        // Only what had failed before: this goes on in batches while the lane sends, and what fails meanwhile has a
        // due time of its own that must not be pulled forward, else it would use up all its attempts within seconds.
        // The attempts' row numbers tell before from after; their times do not where the clock was set back.
        hasten = try prepare(
            """
            UPDATE deliveries SET due = ?1 WHERE id IN (
            SELECT id FROM deliveries INDEXED BY deferred WHERE id & 65535 = ?2 AND due > ?1 AND state = 1
            AND NOT EXISTS (SELECT 1 FROM attempts WHERE delivery = deliveries.id AND id > ?3) LIMIT 200)
            """)

        selectEvent = try prepare(
            """
            SELECT high, low, source, received, routes, contents, original_high, original_low, body, kind
            FROM events WHERE id = ?
            """)
        selectDelivery = try prepare(
            "SELECT state, attempts, started, replay, at, duration, status, due FROM deliveries WHERE id = ?")
        attempts = try AttemptRows(database)
        leasing = try LeaseStatements(database)
        scanReceived = try prepare(
            "SELECT id, received, original_high, kind FROM events WHERE id > ? AND id <= ? ORDER BY id LIMIT ?")
        scanStagesOf = try prepare("SELECT id & 65535, state FROM deliveries WHERE id >= ? AND id <= ?")
        noteDelivered = try prepare(
            """
            INSERT INTO attempts (delivery, number, at, duration, outcome, status, response)
            SELECT id, attempts, at, duration, 'delivered', status, x'' FROM deliveries WHERE id = ?
            """)
        makeDue = try prepare("UPDATE deliveries SET state = 1, due = ? WHERE id = ?")
        noteRoutes = try prepare("UPDATE events SET routes = ? WHERE id = ? AND routes IS NULL")
        dropping = try DropStatements(database)
        pruning = try PruneStatements(database)
    }

    /// Runs reads in one transaction.
    func reading<Value>(_ body: () throws -> Value) throws -> Value {
        try beginReading.run()
        do {
            let value = try body()
            try commit.run()
            return value
        } catch {
            try? rollback.run()
            throw error
        }
    }
}

/// What `lease` looks through.
struct LeaseStatements {
    let scanFresh, scanDeferred, scanDeferredInOrder, nextDue: PreparedStatement

    init(_ database: Database) throws {
        func prepare(_ sql: String) throws -> PreparedStatement { try PreparedStatement(database, sql) }
        scanFresh = try prepare(
            "SELECT id FROM deliveries WHERE id > ? AND id <= ? AND id & 65535 = ? AND state = 0 ORDER BY id")
        func prepareScan(_ condition: String, by order: String) throws -> PreparedStatement {
            try prepare(
                """
                SELECT id, due FROM deliveries INDEXED BY deferred
                WHERE id & 65535 = ? AND \(condition) AND state = 1 ORDER BY \(order)
                """)
        }
        scanDeferred = try prepareScan("due <= ?", by: "due")
        scanDeferredInOrder = try prepareScan("id <= ?", by: "id")
        nextDue = try prepareScan("due > ?", by: "due")
    }
}

/// What `drop` runs.
struct DropStatements {
    let scanPending, discard: PreparedStatement

    init(_ database: Database) throws {
        scanPending = try PreparedStatement(
            database, "SELECT id FROM deliveries WHERE id >= ? AND id <= ? AND id & 65535 = ? AND state < 2")
        discard = try PreparedStatement(
            database, "UPDATE deliveries SET state = 4, due = NULL, at = ?, duration = 0, status = NULL WHERE id = ?")
    }
}

/// What `prune` runs.
struct PruneStatements {
    let scanEvents, scanDeliveriesOf, deleteEvent, deleteDeliveriesOf, deleteAttemptsOf, vacuum: PreparedStatement

    init(_ database: Database) throws {
        func prepare(_ sql: String) throws -> PreparedStatement { try PreparedStatement(database, sql) }
        scanEvents = try prepare("SELECT id, high, contents, received FROM events WHERE id > ? ORDER BY id LIMIT ?")
        scanDeliveriesOf = try prepare("SELECT state, at, duration FROM deliveries WHERE id >= ? AND id <= ?")
        deleteEvent = try prepare("DELETE FROM events WHERE id = ?")
        deleteDeliveriesOf = try prepare("DELETE FROM deliveries WHERE id >= ? AND id <= ?")
        deleteAttemptsOf = try prepare("DELETE FROM attempts WHERE delivery >= ? AND delivery <= ?")
        vacuum = try prepare("PRAGMA incremental_vacuum(200)")
    }
}
