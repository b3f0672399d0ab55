internal import GRDB
internal import Glibc
internal import Relay

/// Looks at the state directory before anything in it is changed: what is found decides whether the store may open.
///
/// It reads through a read-only connection, which leaves the WAL as it is, so that a person can still salvage from it.
struct StoreOpening {
    let options: StoreOptions
    let onTrouble: @Sendable (StoreTrouble) -> Void

    /// Throws where opening would hide a loss; makes an empty file where the directory is new.
    /// - Returns: whether the database is as a clean stop has left it, so that it need not be checked.
    func inspect(_ directory: StateDirectory) throws(StoreOpenError) -> Bool {
        do {
            let mark = try directory.mark.read()
            let size = try StateDirectory.databaseSize(directory.database)
            let hasLog = try (StateDirectory.size(directory.database + "-wal") ?? 0) > 0
            if size == 0 && (mark != .absent || hasLog) {
                try missingDatabase(directory, mark)
                return true
            } else if size == 0 {
                // SQLite makes the WAL with the permissions of the database, so the file is made before SQLite sees it.
                try StateDirectory.makeFile(directory.database)
                return true
            }
            try undoFirstStart(directory.database)
            try check(directory, mark)
            // Of a repair that was cut short before it touched anything: the database goes on without it.
            unlink(directory.repaired)
            guard case .found(let note) = mark, let stamp = note.closed else { return false }
            return !hasLog && stamp == FileStamp(directory.database)
        } catch let failure as SystemFailure {
            throw failure.openError
        } catch let error as StoreOpenError {
            throw error
        } catch {
            throw StoreOpenError(.inputOutput, "\(error)")
        }
    }

    private func missingDatabase(_ directory: StateDirectory, _ mark: MarkFile.Content) throws {
        let count: Int64 = if case .found(let note) = mark { note.highest } else { 0 }
        guard options.acceptsLoss else {
            throw StoreOpenError(
                .databaseMissing,
                "\(directory.database) is missing or empty; by \(directory.mark.path) it has held \(count) events"
            )
        }
        let place = try keepAside(directory)
        for suffix in ["", "-wal", "-shm"] { unlink(directory.database + suffix) }
        unlink(directory.repaired)
        try StateDirectory.makeFile(directory.database)
        onTrouble(.eventsMissing(count: count, keptIn: place))
    }

    private func check(_ directory: StateDirectory, _ mark: MarkFile.Content) throws {
        let last = try lastEvent(directory.database)
        if mark == .unreadable || (mark == .absent && last > 0) { onTrouble(.markRebuilt) }
        guard case .found(let note) = mark, note.highest > last else { return }
        let count = note.highest - last
        guard options.acceptsLoss else {
            throw StoreOpenError(
                .eventsMissing(count: count),
                "\(directory.database) ends at event \(last), but \(note.highest) was acknowledged: \(count) are gone"
            )
        }
        onTrouble(.eventsMissing(count: count, keptIn: try keepAside(directory)))
    }

    /// The number of the last event; 0 for a database without tables.
    private func lastEvent(_ path: String) throws -> Int64 {
        var configuration = Configuration()
        configuration.readonly = true
        do {
            let queue = try DatabaseQueue(path: path, configuration: configuration)
            defer { try? queue.close() }
            return try queue.read { database in
                try checkVersion(database, path)
                guard try database.tableExists("totals") else { return 0 }
                let row = try Int64.fetchOne(database, sql: "SELECT max(id) FROM events") ?? 0
                return max(row, try Totals(database).lastEvent)
            }
        } catch let error as StoreOpenError {
            throw error
        } catch {
            throw StoreOpening.openError(error, path)
        }
    }

    private func checkVersion(_ database: Database, _ path: String) throws {
        let found = try Int.fetchOne(database, sql: "PRAGMA user_version") ?? 0
        guard found <= Schema.version else { throw StoreOpenError.newer(found) }
        if let finding = try StoreCheck.tables(database, version: found) {
            throw StoreOpenError(.damaged, "\(path): \(finding)")
        }
    }

    /// Copies what there is into a directory of its own, and says which.
    private func keepAside(_ directory: StateDirectory) throws(SystemFailure) -> String {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        let time = Timestamp(milliseconds: Int64(now.tv_sec) * 1000 + Int64(now.tv_nsec) / 1_000_000)
        let place = directory.path + "/damaged-" + time.compact
        guard mkdir(place, 0o700) == 0 else { throw SystemFailure("make", place) }
        for name in ["queue.sqlite", "queue.sqlite-wal", "queue.mark", "repair.sqlite"] {
            try Self.copyFile(directory.path + "/" + name, place + "/" + name)
        }
        try StateDirectory.sync(place)
        try StateDirectory.sync(directory.path)
        return place
    }

    static func copyFile(_ from: String, _ target: String) throws(SystemFailure) {
        let source = open(from, O_RDONLY | O_CLOEXEC)
        if source < 0 && errno == ENOENT { return }
        guard source >= 0 else { throw SystemFailure("read", from) }
        defer { close(source) }
        let copy = open(target, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard copy >= 0 else { throw SystemFailure("write", target) }
        defer { close(copy) }
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        var count = 0
        repeat {
            count = read(source, &buffer, buffer.count)
            if count > 0 && write(copy, buffer, count) != count { throw SystemFailure("write", target) }
        } while count > 0
        guard count == 0, fsync(copy) == 0 else { throw SystemFailure("copy", from) }
    }

    /// What an error of SQLite at opening means to the command line.
    static func openError(_ error: any Error, _ path: String) -> StoreOpenError {
        if let error = error as? StoreOpenError { return error }
        if let error = error as? SystemFailure { return error.openError }
        if let error = error as? PragmaRefused { return StoreOpenError(.inputOutput, "\(path): \(error)") }
        let failure = SQLiteFailure(error)
        let text = "\(path): \(failure.message) (SQLite \(failure.code))"
        switch ResultCode(rawValue: failure.primaryCode) {
        case .SQLITE_CORRUPT, .SQLITE_NOTADB: return StoreOpenError(.damaged, text)
        // Our statements are right for the schema that we have made.
        case .SQLITE_ERROR where error is DatabaseError: return StoreOpenError(.damaged, text)
        case .SQLITE_PERM, .SQLITE_READONLY, .SQLITE_AUTH: return StoreOpenError(.permission, text)
        case .SQLITE_CANTOPEN: return StoreOpenError(access(path, R_OK | W_OK) == 0 ? .cannotCreate : .permission, text)
        default: return StoreOpenError(.inputOutput, text)
        }
    }
}
