internal import GRDB
internal import GRDBSQLite

/// A prepared statement of GRDB that is bound and stepped through SQLite's own functions: on the hot path a row costs
/// no value, no array and no dictionary in between, which saves about 40 % against `Statement.execute`.
struct PreparedStatement {
    /// Keeps the statement alive; it is finalised with the last copy.
    private let owner: Statement
    private let handle: OpaquePointer

    init(_ database: Database, _ sql: String) throws {
        owner = try database.makeStatement(sql: sql)
        handle = owner.sqliteStatement
    }

    func bind(_ index: Int32, _ value: Int64) { sqlite3_bind_int64(handle, index, value) }

    func bind(_ index: Int32, _ value: Int64?) {
        if let value { sqlite3_bind_int64(handle, index, value) } else { sqlite3_bind_null(handle, index) }
    }

    /// Binds a copy of the text, or null.
    func bind(_ index: Int32, text: String?) throws {
        guard var text else {
            sqlite3_bind_null(handle, index)
            return
        }
        let code = text.withUTF8 { bytes in
            bytes.withMemoryRebound(to: CChar.self) {
                sqlite3_bind_text(handle, index, $0.baseAddress, Int32(clamping: $0.count), Self.copying)
            }
        }
        try check(code)
    }

    /// Binds a copy of what stands in a column of another statement's row, of whatever type.
    func bind(_ index: Int32, valueOf row: PreparedStatement, _ column: Int32) throws {
        try check(sqlite3_bind_value(handle, index, sqlite3_column_value(row.handle, column)))
    }

    /// Binds a copy of the bytes; an empty array is an empty blob, not null.
    func bind(_ index: Int32, copyOf bytes: [UInt8]) throws {
        let code = bytes.withUnsafeBytes {
            $0.isEmpty
                ? sqlite3_bind_zeroblob(handle, index, 0)
                : sqlite3_bind_blob(handle, index, $0.baseAddress, Int32(clamping: $0.count), Self.copying)
        }
        try check(code)
    }

    /// Binds the bytes without a copy, runs the statement and forgets them.
    func run(blob bytes: [UInt8], at index: Int32) throws {
        try bytes.withUnsafeBytes {
            let code =
                $0.isEmpty
                ? sqlite3_bind_zeroblob(handle, index, 0)
                : sqlite3_bind_blob(handle, index, $0.baseAddress, Int32(clamping: $0.count), nil)
            try check(code)
            defer { sqlite3_bind_null(handle, index) }
            try run()
        }
    }

    /// Runs a statement to its end; rows that it gives are passed over.
    func run() throws {
        defer { reset() }
        while try step() {}
    }

    /// Whether there is a row to read.
    func step() throws -> Bool {
        switch sqlite3_step(handle) {
        case SQLITE_ROW: return true
        case SQLITE_DONE: return false
        default: throw SQLiteFailure(connection: sqlite3_db_handle(handle))
        }
    }

    /// To be called after `step`, or the statement holds its snapshot.
    func reset() { sqlite3_reset(handle) }

    /// Rows that the last insert, update or delete on this connection changed.
    var changes: Int { Int(sqlite3_changes(sqlite3_db_handle(handle))) }

    func integer(_ column: Int32) -> Int64 { sqlite3_column_int64(handle, column) }

    func optionalInteger(_ column: Int32) -> Int64? {
        sqlite3_column_type(handle, column) == SQLITE_NULL ? nil : sqlite3_column_int64(handle, column)
    }

    func text(_ column: Int32) -> String? {
        guard sqlite3_column_type(handle, column) != SQLITE_NULL else { return nil }
        return String(decoding: bytes(column), as: UTF8.self)
    }

    func bytes(_ column: Int32) -> [UInt8] {
        guard let start = sqlite3_column_blob(handle, column) else { return [] }
        return Array(UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(handle, column))))
    }

    private func check(_ code: Int32) throws {
        if code != SQLITE_OK { throw SQLiteFailure(connection: sqlite3_db_handle(handle)) }
    }

    /// SQLITE_TRANSIENT of sqlite3.h, a macro that Swift does not import.
    private static let copying = unsafeBitCast(-1, to: sqlite3_destructor_type.self)
}
