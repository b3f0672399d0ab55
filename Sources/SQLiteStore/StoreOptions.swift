package import Relay

/// Limits that a reload may change while the store runs.
package struct StoreLimits: Sendable, Equatable {
    /// How long an event is kept after its last delivery settled, in milliseconds; 7 days by default.
    package var retentionMilliseconds: Int64 = 7 * 24 * 3_600_000
    /// Below this free space, in bytes, nothing new is accepted; 256 MiB by default.
    package var freeSpaceBytes: UInt64 = 268_435_456
    /// Of that, what dead letters leave free as well, so that what else is delivered can be noted.
    package var freeForBooks: UInt64 { freeSpaceBytes / 2 }
    /// How many deliveries may wait; nil for no limit.
    package var backlog: Int?
    /// The longest wait between two attempts, in milliseconds. What is due later than that from now was deferred under
    /// another clock, and is due now.
    package var longestWaitMilliseconds: Int64 = 40 * 86_400_000

    package init() {}
}

/// What a store needs to open.
package struct StoreOptions: Sendable {
    /// The state directory; made with mode 0700 where it is missing, its parent has to exist.
    package var directory: String
    package var limits = StoreLimits()
    /// Whether to go on with a database that has lost events (see `StoreOpenError.Kind.eventsMissing`).
    package var acceptsLoss = false

    package init(directory: String) { self.directory = directory }
}

/// Why the store did not open, in one line for a person.
package struct StoreOpenError: Error, Sendable, Equatable, CustomStringConvertible {
    package enum Kind: Sendable, Equatable {
        /// Not a database, or its structure is broken.
        case damaged
        /// The marker file says that there was a database, and there is none or an empty one.
        case databaseMissing
        /// The database ends before the highest event that was ever acknowledged.
        case eventsMissing(count: Int64)
        /// Written by a newer version of the program.
        case newerSchema(found: Int, known: Int)
        /// The directory or a file in it cannot be made.
        case cannotCreate
        /// Reading or writing failed.
        case inputOutput
        /// Another process holds the directory; its id where it is known.
        case alreadyRunning(processID: Int?)
        case permission
    }

    package let kind: Kind
    package let description: String

    package init(_ kind: Kind, _ description: String) {
        self.kind = kind
        self.description = description
    }

    static func newer(_ found: Int) -> StoreOpenError {
        StoreOpenError(
            .newerSchema(found: found, known: Schema.version),
            "the database has format \(found), this program knows only \(Schema.version): install a newer one")
    }

    /// The exit code for the command line, from sysexits.h.
    package var exitCode: Int32 {
        switch kind {
        case .damaged, .databaseMissing, .eventsMissing, .newerSchema: 65
        case .cannotCreate: 73
        case .inputOutput: 74
        case .alreadyRunning: 75
        case .permission: 77
        }
    }
}

/// What an operator should hear of while the store runs.
package enum StoreTrouble: Sendable, Equatable {
    /// The stored bytes of an event are not those that were accepted; it stays in the database and is not sent.
    case corruptEvent(EventID)
    /// The database is damaged: nothing new is taken until it was repaired.
    case damaged(String)
    /// A statement calls the database damaged: nothing new is taken until it was looked through.
    case doubted(String)
    /// The check after an unclean stop or a doubt has found nothing.
    case verified(milliseconds: Int64)
    /// The check could not be ended.
    case notVerified(String)
    /// A transaction failed; whoever waited for it got an error.
    case writeFailed(String)
    /// The connection was closed after an I/O error, opened anew and verified.
    case reopened
    case reopenFailed(String)
    /// A read for a lease or for the operator failed.
    case readFailed(String)
    /// The checkpoint or the high-water file could not be written; nothing is lost by that.
    case upkeepFailed(String)
    /// The high-water file was missing or unreadable beside a database with events; it is written anew.
    case markRebuilt
    /// Opened in spite of lost events, as the options allow; the old files lie in `keptIn`.
    case eventsMissing(count: Int64, keptIn: String)
}
