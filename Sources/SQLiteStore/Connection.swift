internal import GRDB
internal import GRDBSQLite

/// The connection that writes. Only the store's thread uses it.
final class Connection {
    private let queue: DatabaseQueue
    private var prepared: Statements?
    /// Frames in the WAL after the last commit, as SQLite's WAL hook tells them.
    private let frames: UnsafeMutablePointer<Int32>

    /// Opens the database file, which has to exist, and refuses one that would not sync each commit.
    init(path: String) throws {
        var configuration = Configuration()
        configuration.foreignKeysEnabled = false
        configuration.busyMode = .timeout(5)
        // `transact` ends its transactions itself; GRDB would end the process where a rollback fails.
        configuration.allowsUnsafeTransactions = true
        queue = try DatabaseQueue(path: path, configuration: configuration)
        frames = .allocate(capacity: 1)
        frames.initialize(to: 0)
        try queue.writeWithoutTransaction { database in
            try Connection.configure(database)
            try Schema.migrate(database)
            // Replaces SQLite's own hook, which would checkpoint on the commit path.
            sqlite3_wal_hook(
                database.sqliteConnection,
                { context, _, _, count in
                    context?.assumingMemoryBound(to: Int32.self).pointee = count
                    return SQLITE_OK
                }, frames)
            prepared = try Statements(database)
        }
    }

    deinit {
        try? close()
        frames.deallocate()
    }

    /// GRDB and WAL mode lower `synchronous` to NORMAL, so it is set here, after opening, and read back.
    static func configure(_ database: Database) throws {
        // Only where there is no table yet: elsewhere it would write, and sync, at each opening.
        if try Int.fetchOne(database, sql: "PRAGMA auto_vacuum") != 2 {
            try database.execute(sql: "PRAGMA auto_vacuum = INCREMENTAL")
        }
        try expect("wal", database, "PRAGMA journal_mode = WAL")
        try database.execute(sql: "PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY")
        try expect("0", database, "PRAGMA wal_autocheckpoint = 0")
        try expect("2", database, "PRAGMA synchronous")
        try expect("2", database, "PRAGMA auto_vacuum")
    }

    private static func expect(_ wanted: String, _ database: Database, _ pragma: String) throws {
        let found = try String.fetchOne(database, sql: pragma) ?? "nothing"
        guard found == wanted else { throw PragmaRefused(pragma: pragma, wanted: wanted, found: found) }
    }

    var walFrames: Int { Int(frames.pointee) }

    func use<Value>(_ body: (Database, Statements) throws -> Value) throws -> Value {
        try queue.writeWithoutTransaction { database in
            guard let prepared else { throw DatabaseError(resultCode: .SQLITE_MISUSE) }
            return try body(database, prepared)
        }
    }

    /// Runs a transaction; durable when it returns, and gone when it throws.
    func transact(_ body: (Database, Statements) throws -> Void) throws {
        try use { database, statements in
            try statements.begin.run()
            do {
                try body(database, statements)
                try statements.commit.run()
            } catch {
                let failure = SQLiteFailure(error)
                // Some errors have rolled it back already.
                if database.isInsideTransaction { try? statements.rollback.run() }
                throw failure
            }
        }
    }

    func close() throws {
        queue.writeWithoutTransaction { _ in prepared = nil }
        try queue.close()
    }
}

/// SQLite did not take a setting without which the store would break its promises.
struct PragmaRefused: Error, CustomStringConvertible {
    let pragma: String
    let wanted: String
    let found: String

    var description: String { "\(pragma) gave \(found) instead of \(wanted)" }
}

extension DatabaseQueue {
    /// A connection that only reads, beside the one of a relay that may run, for whose locks it waits 5 seconds.
    convenience init(reading path: String) throws {
        var configuration = GRDB.Configuration()
        configuration.readonly = true
        configuration.busyMode = .timeout(5)
        try self.init(path: path, configuration: configuration)
    }
}
