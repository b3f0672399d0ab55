internal import GRDB
internal import Glibc
package import Relay

/// Puts a sound database in the place of a damaged one, with what could be read. The old files are set aside, never
/// deleted. A crash on the way leaves the directory as it was, or such that the relay refuses to start and another
/// repair ends what was begun.
package struct StoreRepair {
    private let directory: StateDirectory

    /// Takes the directory's lock: no relay may run.
    package init(directory: String) throws(StoreOpenError) {
        self.directory = try StateDirectory(directory)
    }

    /// What was done, and where the old files are.
    package struct Report: Sendable {
        package let salvage: SalvageReport
        package let keptIn: String
    }

    /// - Parameter now: names the directory that the old files go to.
    package func run(now: Timestamp) throws(StoreOpenError) -> Report {
        defer { directory.unlock() }
        do {
            let highest: Int64 = if case .found(let note) = try directory.mark.read() { note.highest } else { 0 }
            let version = StoreExamination(directory: directory.path, readsAll: false).version
            if version > Schema.version { throw StoreOpenError.newer(version) }
            let made = directory.repaired
            let isLeft = try StateDirectory.size(directory.database) == nil && StateDirectory.size(made) != nil
            let report = try isLeft ? left(made, highest) : salvage(to: made, highest: highest)
            let place = try swap(made, now)
            return Report(salvage: report, keptIn: place)
        } catch {
            throw StoreOpening.openError(error, directory.database)
        }
    }

    /// What a repair that was cut short has saved.
    private func left(_ made: String, _ highest: Int64) throws -> SalvageReport {
        let queue = try DatabaseQueue(path: made)
        defer { try? queue.close() }
        return try queue.read { database in
            let counts = try Row.fetchOne(
                database,
                sql: """
                    SELECT (SELECT count(*) FROM events), count(*) FILTER (WHERE state < 2),
                    count(*) FILTER (WHERE state >= 2) FROM deliveries
                    """)
            var report = SalvageReport()
            report.events = counts?[0] ?? 0
            report.pending = counts?[1] ?? 0
            report.settled = counts?[2] ?? 0
            report.acceptedAtLeast = max(Int(highest), report.events)
            return report
        }
    }

    // MARK: Salvage

    private func salvage(to made: String, highest: Int64) throws -> SalvageReport {
        let draft = made + ".tmp"
        let copy = directory.path + "/repair-old.sqlite"
        func removeCopy() { for suffix in ["", "-wal", "-shm", "-journal"] { unlink(copy + suffix) } }
        for suffix in ["", ".tmp", ".tmp-wal", ".tmp-shm"] { unlink(made + suffix) }
        removeCopy()
        defer { removeCopy() }
        let isMended = try FirstPage.mend(directory.database, into: copy)
        try StateDirectory.makeFile(draft)
        let connection = try Connection(path: draft)
        var report = SalvageReport()
        try connection.transact { new, _ in
            report = try readOld(isMended ? copy : directory.database) {
                try Salvage.run(from: $0, to: new, highest: highest)
            }
            if isMended { report.gaps += 1 }
            report.acceptedAtLeast = max(Int(highest), report.events)
            if report.unreadable != nil {
                // Half a salvage would contradict its books.
                for table in ["attempts", "deliveries", "events"] { try new.execute(sql: "DELETE FROM \(table)") }
                try new.execute(
                    sql: "UPDATE totals SET last_event = ?, pruned_events = ?", arguments: [highest, highest])
            }
        }
        try connection.use { database, _ in _ = try database.checkpoint(.truncate) }
        try connection.close()
        for suffix in ["-wal", "-shm"] { unlink(draft + suffix) }
        try StateDirectory.adopt(draft, as: directory.path)
        try StateDirectory.syncFile(draft)
        guard rename(draft, made) == 0 else { throw SystemFailure("rename", draft) }
        try StateDirectory.sync(directory.path)
        return report
    }

    private func readOld(_ path: String, _ body: (Database) throws -> SalvageReport) throws -> SalvageReport {
        do {
            guard try StateDirectory.databaseSize(path) > 0 else { throw Unreadable(text: "it is empty") }
            let queue = try DatabaseQueue(salvaging: path)
            defer { try? queue.close() }
            return try queue.unsafeRead { database in
                do { _ = try Int.fetchOne(database, sql: "SELECT count(*) FROM sqlite_schema") } catch {
                    throw Unreadable(text: SQLiteFailure(error).message)
                }
                return try body(database)
            }
        } catch let error as Unreadable {
            return SalvageReport(unreadable: error.text)
        } catch let error as DatabaseError where SQLiteFailure(error).isOfDamage {
            return SalvageReport(unreadable: SQLiteFailure(error).message)
        }
    }

    private struct Unreadable: Error { let text: String }

    // MARK: Swap

    private func swap(_ made: String, _ now: Timestamp) throws -> String {
        let last = try lastEvent(made)
        let place = directory.path + "/damaged-" + now.compact
        guard mkdir(place, 0o700) == 0 || errno == EEXIST else { throw SystemFailure("make", place) }
        try StateDirectory.adopt(place, as: directory.path)
        try StoreOpening.copyFile(directory.mark.path, place + "/queue.mark")
        // Before the database goes: a start in between must not take its absence for a new directory.
        try directory.mark.write(Mark(highest: max(1, last)))
        // The database first: where it is gone, `run` goes on with what was made of all of them.
        for suffix in ["", "-wal", "-shm"] {
            let name = "queue.sqlite" + suffix
            guard rename(directory.path + "/" + name, place + "/" + name) == 0 || errno == ENOENT else {
                throw SystemFailure("move", directory.path + "/" + name)
            }
        }
        try StateDirectory.sync(place)
        try StateDirectory.sync(directory.path)
        guard rename(made, directory.database) == 0 else { throw SystemFailure("rename", made) }
        try StateDirectory.sync(directory.path)
        try directory.mark.write(Mark(highest: last, closed: FileStamp(directory.database)))
        try StateDirectory.adopt(directory.mark.path, as: directory.path)
        return place
    }

    private func lastEvent(_ path: String) throws -> Int64 {
        let queue = try DatabaseQueue(path: path)
        defer { try? queue.close() }
        return try queue.read { try Totals($0).lastEvent }
    }
}
