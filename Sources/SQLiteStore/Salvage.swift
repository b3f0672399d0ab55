internal import GRDB
package import Relay

/// What a salvage brought over, and what it could not.
package struct SalvageReport: Sendable, Equatable {
    package var events = 0
    package var pending = 0
    package var settled = 0
    /// Events that were acknowledged and are gone; nil where nothing tells how many there were.
    package var lostEvents: Int?
    /// Events that were acknowledged since the queue was made, those among them that were deleted after their time: by
    /// the mark, which may be a little behind.
    package var acceptedAtLeast = 0
    /// Events whose bytes are not those that were accepted. They were left out, at most 100 are named.
    package var brokenEvents: [EventID] = []
    package var brokenEventCount = 0
    /// Deliveries that waited and whose event is gone or broken.
    package var lostDeliveries = 0
    /// Events that some route wanted and of which no delivery could be read; at most 100 are named.
    package var undirectedEvents: [EventID] = []
    package var undirectedEventCount = 0
    /// Places of the old database that could not be read.
    package var gaps = 0
    /// Why nothing could be read at all.
    package var unreadable: String?

    static let named = 100
}

/// Copies what can be read of a damaged database into a new one, and makes its books from what has arrived.
struct Salvage {
    private let old: Database
    private let new: Database
    /// The highest event that was ever acknowledged, as far as the mark knows.
    private let highest: Int64
    private var report = SalvageReport()
    private var oldTotals: Totals?
    private var lastEvent: Int64 = 0
    private var sources: NameTable<String>

    private init(_ old: Database, _ new: Database, highest: Int64) throws {
        self.old = old
        self.new = new
        self.highest = highest
        sources = try NameTable(table: "sources", new)
    }

    /// - Parameter new: freshly made, within a transaction.
    static func run(from old: Database, to new: Database, highest: Int64) throws -> SalvageReport {
        var salvage = try Salvage(old, new, highest: highest)
        salvage.oldTotals = try? Totals(old)
        salvage.lastEvent = salvage.findLastEvent()
        for table in ["sources", "destinations", "route_lists"] { try salvage.copyNames(table) }
        salvage.sources = try NameTable(table: "sources", new)
        try salvage.copyEvents()
        try salvage.copyDeliveries()
        try salvage.copyAttempts()
        try salvage.copyOthers()
        try salvage.makeBooks()
        return salvage.report
    }

    private func findLastEvent() -> Int64 {
        let row = (try? Int64.fetchOne(old, sql: "SELECT max(id) FROM events")) ?? 0
        return max(highest, row, oldTotals?.lastEvent ?? 0)
    }

    // MARK: Tables

    /// Numbers have to be without gaps: a name that is gone gets another one.
    private mutating func copyNames(_ table: String) throws {
        guard try sharedColumns(table).contains("name") else { return }
        var names: [Int64: String] = [:]
        var scan = try SalvageScan(old, table: table, columns: ["name"], patience: 1_000)
        try scan.run(from: 1, to: Schema.destinationMask) { names[$0.integer(0)] = $0.text(1) }
        report.gaps += scan.gaps
        guard let last = names.keys.max() else { return }
        for number in 1...last {
            let name = names[number] ?? (table == "route_lists" ? "" : "unknown-\(number)")
            try new.execute(sql: "INSERT INTO \(table) (id, name) VALUES (?, ?)", arguments: [number, name])
        }
    }

    private mutating func copyEvents() throws {
        let columns = try sharedColumns("events")
        guard let positions = EventColumns(columns) else { return }
        let insert = try insertion("events", columns)
        var scan = try SalvageScan(old, table: "events", columns: columns)
        var (count, broken, named) = (0, 0, [EventID]())
        let sources = self.sources
        try scan.run(from: 1, to: lastEvent) { row in
            guard positions.fits(row, sources) else {
                broken += 1
                if named.count < SalvageReport.named { named.append(positions.id(row)) }
                return
            }
            if try copy(row, columns.count, insert) { count += 1 }
        }
        report.events = count
        report.brokenEventCount = broken
        report.brokenEvents = named
        report.gaps += scan.gaps
    }

    private mutating func copyDeliveries() throws {
        let columns = try sharedColumns("deliveries")
        guard let state = columns.firstIndex(of: "state").map({ Int32($0 + 1) }) else { return }
        let insert = try insertion("deliveries", columns)
        let event = try PreparedStatement(new, "SELECT 1 FROM events WHERE id = ?")
        let destinations = Set(try Int64.fetchAll(new, sql: "SELECT id FROM destinations"))
        var scan = try SalvageScan(
            old, table: "deliveries", columns: columns, unit: 1 << Schema.destinationBits)
        let end = Schema.keys(ofEvent: lastEvent).upperBound
        var (lost, pending, settled) = (0, 0, 0)
        try scan.run(from: 1, to: end) { row in
            let key = row.integer(0)
            guard let state = DeliveryState(rawValue: row.integer(state)) else { return }
            event.bind(1, key >> Schema.destinationBits)
            defer { event.reset() }
            guard destinations.contains(key & Schema.destinationMask), try event.step(),
                try copy(row, columns.count, insert)
            else {
                if state.isPending { lost += 1 }
                return
            }
            if state.isPending { pending += 1 } else { settled += 1 }
        }
        // The old books know of those, too, of which nothing could be read.
        report.lostDeliveries = max(lost, (oldTotals?.counts.pending ?? 0) - pending)
        (report.pending, report.settled) = (pending, settled)
        report.gaps += scan.gaps
        // Without a due time nobody would ever look for it.
        try new.execute(sql: "UPDATE deliveries SET state = 0 WHERE state = 1 AND due IS NULL")
    }

    private mutating func copyAttempts() throws {
        let columns = try sharedColumns("attempts")
        guard let delivery = columns.firstIndex(of: "delivery").map({ Int32($0 + 1) }) else { return }
        let insert = try insertion("attempts", columns)
        let known = try PreparedStatement(new, "SELECT 1 FROM deliveries WHERE id = ?")
        var scan = try SalvageScan(old, table: "attempts", columns: columns)
        let last = (try? Int64.fetchOne(old, sql: "SELECT max(id) FROM attempts")) ?? lastEvent * 4
        try scan.run(from: 1, to: last) { row in
            known.bind(1, row.integer(delivery))
            defer { known.reset() }
            if try known.step() { _ = try copy(row, columns.count, insert) }
        }
        report.gaps += scan.gaps
    }

    /// Small tables that nothing above knows by name.
    private mutating func copyOthers() throws {
        let known: Set = ["sources", "destinations", "route_lists", "events", "deliveries", "attempts", "totals"]
        let tables = try String.fetchAll(
            new, sql: "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name")
        for table in tables where !known.contains(table) {
            do {
                let columns = try sharedColumns(table)
                guard !columns.isEmpty else { continue }
                let list = columns.joined(separator: ", ")
                let rows = try Row.fetchAll(old, sql: "SELECT \(list) FROM \(table)")
                // What a migration has put there gives way.
                if !rows.isEmpty { try new.execute(sql: "DELETE FROM \(table)") }
                for row in rows {
                    let marks = columns.map { _ in "?" }.joined(separator: ", ")
                    try new.execute(
                        sql: "INSERT OR REPLACE INTO \(table) (\(list)) VALUES (\(marks))",
                        arguments: StatementArguments(row.databaseValues))
                }
            } catch { report.gaps += 1 }
        }
    }

    // MARK: Books

    private mutating func makeBooks() throws {
        func number(_ sql: String) throws -> Int { try Int.fetchOne(new, sql: sql) ?? 0 }
        func deliveries(_ condition: String) throws -> Int {
            try number("SELECT count(*) FROM deliveries WHERE \(condition)")
        }
        var totals = Totals()
        totals.counts.matched = try number("SELECT count(*) FROM events WHERE kind = 0")
        totals.counts.unmatched = try number("SELECT count(*) FROM events WHERE kind = 1")
        totals.counts.quarantined = try number("SELECT count(*) FROM events WHERE kind = 2")
        totals.counts.duplicates = oldTotals?.counts.duplicates ?? 0
        totals.counts.routed = try deliveries("replay IS NULL")
        totals.counts.replayed = try deliveries("replay IS NOT NULL")
        totals.counts.pending = try deliveries("state < 2")
        totals.counts.delivered = try deliveries("state = 2")
        totals.counts.dead = try deliveries("state = 3")
        totals.counts.discarded = try deliveries("state = 4")
        totals.lastEvent = lastEvent
        totals.prunedEvents = Int(lastEvent) - report.events
        let columns = Totals.columns.map { "\($0) = ?" }.joined(separator: ", ")
        try new.execute(sql: "UPDATE totals SET \(columns)", arguments: StatementArguments(totals.values))

        if let oldTotals { report.lostEvents = max(0, Int(lastEvent) - oldTotals.prunedEvents - report.events) }
        let undirected = """
            FROM events e WHERE kind = 0 AND NOT EXISTS (SELECT 1 FROM deliveries d
            WHERE d.id BETWEEN e.id << 16 AND e.id << 16 | 65535)
            """
        report.undirectedEventCount = try number("SELECT count(*) " + undirected)
        let rows = try Row.fetchAll(new, sql: "SELECT high, low \(undirected) ORDER BY id LIMIT \(SalvageReport.named)")
        report.undirectedEvents = rows.map {
            EventID(high: UInt64(bitPattern: $0[0] as Int64), low: UInt64(bitPattern: $0[1] as Int64))
        }
    }

    // MARK: Rows

    /// The columns that both have: the old one may be of an earlier version.
    private func sharedColumns(_ table: String) throws -> [String] {
        func columns(_ database: Database) throws -> [String] {
            try Row.fetchAll(database, sql: "PRAGMA table_info(\(table))").map { $0["name"] }
        }
        let before = Set(try columns(old))
        return try columns(new).filter { before.contains($0) }
    }

    private func insertion(_ table: String, _ columns: [String]) throws -> PreparedStatement {
        let marks = columns.map { _ in "?" }.joined(separator: ", ")
        return try PreparedStatement(
            new, "INSERT OR IGNORE INTO \(table) (\(columns.joined(separator: ", "))) VALUES (\(marks))")
    }

    /// False where the new table does not take the row: a value is missing that has to be there.
    private func copy(_ row: PreparedStatement, _ columns: Int, _ insert: PreparedStatement) throws -> Bool {
        for column in 1...Int32(columns) { try insert.bind(column, valueOf: row, column) }
        try insert.run()
        return insert.changes > 0
    }
}

/// Where the columns of an event stand that its digest is made of.
struct EventColumns {
    private let high, low, source, contents, body: Int32

    /// - Parameter columns: those of a row after its key; nil where one is missing.
    init?(_ columns: [String]) {
        func position(_ name: String) -> Int32? { columns.firstIndex(of: name).map { Int32($0 + 1) } }
        guard let high = position("high"), let low = position("low"), let source = position("source"),
            let contents = position("contents"), let body = position("body")
        else { return nil }
        (self.high, self.low, self.source, self.contents, self.body) = (high, low, source, contents, body)
    }

    func id(_ row: PreparedStatement) -> EventID {
        EventID(high: UInt64(bitPattern: row.integer(high)), low: UInt64(bitPattern: row.integer(low)))
    }

    /// Whether the bytes are those that were accepted.
    func fits(_ row: PreparedStatement, _ sources: NameTable<String>) -> Bool {
        let digest = EventID(source: sources.name(of: row.integer(source)) ?? "", body: row.bytes(body))
        guard let contents = row.optionalInteger(contents) else { return digest == id(row) }
        return digest.high == UInt64(bitPattern: contents)
    }
}
