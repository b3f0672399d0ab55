internal import GRDB
internal import Glibc
package import Relay

/// What a look at a state directory's database has found; nothing is changed by it, and a relay may run meanwhile.
package struct StoreExamination: Sendable {
    /// One fault, in one line for a person.
    package struct Finding: Sendable, Equatable {
        /// Whether `StoreRepair` mends it.
        package let isRepairable: Bool
        package let text: String
        package let exitCode: Int32
    }

    /// Whether there is anything: neither a database nor a mark is a directory that nobody has used yet.
    package private(set) var isNew = false
    package private(set) var findings: [Finding] = []
    private(set) var version = 0
    package private(set) var counts = StoreCounts()
    package private(set) var lastEvent: Int64 = 0
    /// When the youngest event was received.
    package private(set) var lastReceived: Timestamp?
    /// Events whose bytes have changed; at most 100 are named.
    package private(set) var brokenEvents: [EventID] = []
    /// Those that wait for an event whose bytes have changed.
    package private(set) var brokenDeliveries = 0
    /// Events whose bytes have changed and of which nothing waits: no fault of the queue, which goes on without them.
    package private(set) var brokenIdleEvents = 0
    /// How many deliveries wait for each destination.
    package private(set) var pending: [String: Int] = [:]
    package private(set) var markIsReadable = true
    /// The process that holds the directory.
    package let holder: Int?

    private let directory: String

    /// - Parameter readsAll: whether every event's bytes are held against its digest.
    package init(directory: String, readsAll: Bool = true) {
        self.directory = directory
        holder = StateDirectory.lockHolder(directory)
        let path = directory + "/queue.sqlite"
        let mark = MarkFile(path: directory + "/queue.mark")
        do {
            let content = try mark.read()
            let highest: Int64 = if case .found(let note) = content { note.highest } else { 0 }
            markIsReadable = content != .unreadable
            let isEmpty = try StateDirectory.databaseSize(path) == 0
            let hasLog = try (StateDirectory.size(path + "-wal") ?? 0) > 0
            if isEmpty && content == .absent && !hasLog {
                isNew = true
            } else if isEmpty {
                add("\(path) is missing or empty; by its mark it has held \(highest) events")
            } else {
                try read(path, highest, readsAll)
            }
        } catch {
            let failure = (error as? SystemFailure)?.openError ?? StoreOpening.openError(error, path)
            findings.append(
                Finding(
                    isRepairable: failure.kind == .damaged, text: failure.description, exitCode: failure.exitCode))
        }
    }

    private mutating func add(_ text: String) {
        findings.append(Finding(isRepairable: true, text: text, exitCode: 65))
    }

    private mutating func read(_ path: String, _ highest: Int64, _ readsAll: Bool) throws {
        let queue = try DatabaseQueue(reading: path)
        defer { try? queue.close() }
        try queue.read { database in
            version = try Int.fetchOne(database, sql: "PRAGMA user_version") ?? 0
            guard version <= Schema.version else {
                let error = StoreOpenError.newer(version)
                findings.append(Finding(isRepairable: false, text: error.description, exitCode: error.exitCode))
                return
            }
            if let finding = try StoreCheck.tables(database, version: version) { return add("\(path): \(finding)") }
            guard try database.tableExists("totals") else {
                if highest > 0 { add("\(path) has no tables; by its mark it has held \(highest) events") }
                return
            }
            try readTotals(database, highest)
            if let finding = try StoreCheck.structure(database) { add("the database is damaged: \(finding)") }
            if let finding = try StoreCheck.books(database) { add("the books do not agree: \(finding)") }
            pending = try StoreExamination.pending(database)
            if readsAll { try readEvents(database) }
        }
    }

    private mutating func readTotals(_ database: Database, _ highest: Int64) throws {
        let totals = try Totals(database)
        counts = totals.counts
        let row = try Row.fetchOne(database, sql: "SELECT id, received FROM events ORDER BY id DESC LIMIT 1")
        lastEvent = max(totals.lastEvent, row?[0] ?? 0)
        lastReceived = (row?[1] as Int64?).map(Timestamp.init(milliseconds:))
        // The mark is written after the commit: while a relay runs, it is the database that is ahead.
        if highest > lastEvent {
            let missing = "\(highest - lastEvent) are missing"
            add("the database ends at event \(lastEvent), but \(highest) was acknowledged: \(missing)")
        }
    }

    /// How many deliveries wait for each destination.
    static func pending(_ database: Database) throws -> [String: Int] {
        let names = try NameTable<String>(table: "destinations", database)
        let sql = "SELECT id & \(Schema.destinationMask), count(*) FROM deliveries WHERE state < 2 GROUP BY 1"
        var pending: [String: Int] = [:]
        for row in try Row.fetchAll(database, sql: sql) {
            pending[names.name(of: row[0]) ?? "number \(row[0] as Int64)"] = row[1]
        }
        return pending
    }

    private mutating func readEvents(_ database: Database) throws {
        let columns = ["high", "low", "source", "contents", "body"]
        guard let positions = EventColumns(columns) else { return }
        let sources = try NameTable<String>(table: "sources", database)
        let scan = try PreparedStatement(
            database, "SELECT id, \(columns.joined(separator: ", ")) FROM events ORDER BY id")
        let waiting = try PreparedStatement(
            database, "SELECT count(*) FROM deliveries WHERE id BETWEEN ? AND ? AND state < 2")
        defer { scan.reset() }
        while try scan.step() {
            guard !positions.fits(scan, sources) else { continue }
            let key = scan.integer(0) << Schema.destinationBits
            waiting.bind(1, key)
            waiting.bind(2, key | Schema.destinationMask)
            let count = try waiting.step() ? Int(waiting.integer(0)) : 0
            waiting.reset()
            brokenDeliveries += count
            if count == 0 { brokenIdleEvents += 1 }
            if brokenEvents.count < SalvageReport.named { brokenEvents.append(positions.id(scan)) }
        }
        if brokenDeliveries > 0 {
            add("\(brokenDeliveries) deliveries wait whose event's bytes have changed: they are kept and never sent")
        }
    }
}
