internal import GRDB
internal import GRDBSQLite
internal import Glibc
internal import Relay

/// An error of SQLite with the extended result code (sqlite.org/rescode.html) and the system's error number.
struct SQLiteFailure: Error {
    let code: Int32
    let systemError: Int32
    let message: String

    init(connection: OpaquePointer?) {
        code = sqlite3_extended_errcode(connection)
        systemError = sqlite3_system_errno(connection)
        message = sqlite3_errmsg(connection).map { String(cString: $0) } ?? "unknown"
    }

    init(_ error: any Error) {
        if let failure = error as? SQLiteFailure {
            self = failure
        } else if let failure = error as? DatabaseError {
            code = failure.extendedResultCode.rawValue
            systemError = 0
            message = failure.message ?? failure.description
        } else {
            code = SQLITE_ERROR
            systemError = 0
            message = "\(error)"
        }
    }

    var primaryCode: Int32 { code & 0xFF }

    var isFull: Bool { primaryCode == SQLITE_FULL || (primaryCode == SQLITE_IOERR && systemError == ENOSPC) }

    /// After one of these what SQLite and the kernel hold in memory may differ from the disk (G3 of hard-facts).
    var needsReopening: Bool {
        [SQLITE_IOERR, SQLITE_CORRUPT, SQLITE_NOTADB, SQLITE_CANTOPEN, SQLITE_READONLY].contains(primaryCode)
    }

    /// What is on the disk is not what SQLite has written.
    var isOfDamage: Bool { [SQLITE_CORRUPT, SQLITE_NOTADB].contains(primaryCode) }

    /// Whether one element of a batch may be to blame, so that the others deserve a try of their own.
    var isOfOneElement: Bool {
        [SQLITE_CONSTRAINT, SQLITE_TOOBIG, SQLITE_MISMATCH, SQLITE_RANGE, SQLITE_ERROR].contains(primaryCode)
    }

    var storeError: StoreError {
        StoreError(
            isFull ? .full : .failed, "\(message) (SQLite \(code)\(systemError == 0 ? "" : ", errno \(systemError)"))")
    }
}
