internal import GRDB
internal import Glibc
package import Relay

/// Copies the database as it is at one moment, through a connection of its own that only reads: a relay may run and
/// goes on taking events. What was acknowledged before the copy began is in it.
package enum StoreBackup {
    package struct Report: Sendable {
        /// The books of the copy.
        package let counts: StoreCounts
        package let bytes: Int64
    }

    /// 1 MiB at a time, with a pause, so that a relay's own syncs do not wait behind it.
    private static let pagesPerStep: Int32 = 256
    private static let pauseMicroseconds: UInt32 = 1_000
    /// What may be unwritten at once: a sync of the relay waits for no more than that.
    private static let stepsPerSync = 16

    /// Writes the copy beside `file`, checks it, and puts it in its place when it is on disk.
    /// - Parameters:
    ///   - directory: the state directory.
    ///   - replaces: whether `file` may be there already.
    package static func run(
        directory: String, to file: String, replaces: Bool
    ) throws(StoreOpenError) -> Report {
        let source = directory + "/queue.sqlite"
        try StateDirectory.requireContents(source)
        guard replaces || access(file, F_OK) != 0 else {
            throw StoreOpenError(
                .cannotCreate, "\(file) is there already: choose another name, or replace it by --force")
        }
        guard StateDirectory.identity(file) != StateDirectory.identity(source) else {
            throw StoreOpenError(.cannotCreate, "\(file) is the queue itself: choose another name")
        }
        guard try isBackup(file) else {
            throw StoreOpenError(
                .cannotCreate, "\(file) is no backup: --force replaces nothing else. Choose another name")
        }
        let draft = file + ".tmp"
        do {
            for suffix in ["", "-wal", "-shm", "-journal"] { unlink(draft + suffix) }
            try StateDirectory.makeFile(draft)
            let counts = try copy(source, draft)
            try StateDirectory.syncFile(draft)
            guard rename(draft, file) == 0 else { throw SystemFailure("rename", draft) }
            let slash = file.lastIndex(of: "/")
            try StateDirectory.sync(slash.map { $0 == file.startIndex ? "/" : String(file[..<$0]) } ?? ".")
            return Report(counts: counts, bytes: try StateDirectory.size(file) ?? 0)
        } catch {
            for suffix in ["", "-wal", "-shm", "-journal"] { unlink(draft + suffix) }
            throw isOfFullDisk(error) ? full(file) : StoreOpening.openError(error, source)
        }
    }

    /// Whether a file may be replaced: there is none, or it is a database, or empty.
    private static func isBackup(_ file: String) throws(StoreOpenError) -> Bool {
        var information = stat()
        guard stat(file, &information) == 0 else { return true }
        guard information.st_mode & S_IFMT == S_IFREG else { return false }
        if information.st_size == 0 { return true }
        // sqlite.org/fileformat2.html#magic_header_string
        do { return try FirstPage.read(file, page: 1).starts(with: "SQLite format 3\0".utf8) } catch {
            throw StoreOpening.openError(error, file)
        }
    }

    /// Only the copy is written, so it is its disk that is full.
    private static func isOfFullDisk(_ error: any Error) -> Bool {
        if let failure = error as? SystemFailure { return failure.code == ENOSPC || failure.code == EDQUOT }
        return !(error is StoreOpenError) && SQLiteFailure(error).isFull
    }

    private static func full(_ file: String) -> StoreOpenError {
        let untouched = access(file, F_OK) == 0 ? "the queue and the old \(file) are" : "the queue is"
        return StoreOpenError(.inputOutput, "\(file) is not written: its disk is full; \(untouched) as before")
    }

    private static func copy(_ source: String, _ draft: String) throws -> StoreCounts {
        let from = try DatabaseQueue(reading: source)
        defer { try? from.close() }
        let target = try DatabaseQueue(path: draft)
        defer { try? target.close() }
        // One transaction around all steps: a commit in between would otherwise begin the copy anew.
        try from.read { old in
            let version = try Int.fetchOne(old, sql: "PRAGMA user_version") ?? 0
            if version > Schema.version { throw StoreOpenError.newer(version) }
            try target.writeWithoutTransaction { new in
                // It is synced as a whole at the end; until then it has another name.
                try new.execute(sql: "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF")
                var steps = 0
                try old.backup(to: new, pagesPerStep: pagesPerStep) { _ in
                    steps += 1
                    if steps % stepsPerSync == 0 { try StateDirectory.syncFile(draft) }
                    usleep(pauseMicroseconds)
                }
            }
        }
        return try check(target)
    }

    /// A copy of damage is no backup. The file is made to stand alone, without a WAL.
    private static func check(_ target: DatabaseQueue) throws -> StoreCounts {
        try target.writeWithoutTransaction { database in
            try database.execute(sql: "PRAGMA journal_mode = DELETE")
            let version = try Int.fetchOne(database, sql: "PRAGMA user_version") ?? 0
            let finding =
                try StoreCheck.tables(database, version: version) ?? StoreCheck.structure(database)
                ?? StoreCheck.books(database)
            if let finding {
                throw StoreOpenError(.damaged, "the database is damaged, and so would be the copy: \(finding)")
            }
            return try Totals(database).counts
        }
    }
}
