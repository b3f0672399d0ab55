internal import GRDB
internal import Relay

extension StoreOpening {
    /// Undoes a first start that was cut short.
    ///
    /// Only until the database is in WAL mode does SQLite keep a rollback journal. What it says must be undone before
    /// anything is read, and a read-only connection cannot do that: `SQLITE_READONLY_ROLLBACK`
    /// (sqlite.org/rescode.html).
    func undoFirstStart(_ path: String) throws {
        let hasLog = try (StateDirectory.size(path + "-wal") ?? 0) > 0
        guard !hasLog, try (StateDirectory.size(path + "-journal") ?? 0) > 0 else { return }
        do {
            let queue = try DatabaseQueue(path: path)
            defer { try? queue.close() }
            _ = try queue.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM sqlite_schema") }
        } catch {
            throw StoreOpening.openError(error, path)
        }
    }
}
