internal import GRDB
package import Relay

/// Reads single events and what waits out of a state directory's database, through a connection of its own: a relay may
/// run meanwhile. Nothing is changed.
package struct QueueReader {
    private let queue: DatabaseQueue
    private let path: String

    /// - Throws: where there is no database, or one that this version cannot read.
    package init(directory: String) throws(StoreOpenError) {
        path = directory + "/queue.sqlite"
        try StateDirectory.requireContents(path)
        do {
            queue = try DatabaseQueue(reading: path)
        } catch {
            throw StoreOpening.openError(error, path)
        }
    }

    /// The events whose ids begin so, in the order in which they came; at most `limit`.
    package func events(_ prefix: EventIDPrefix, limit: Int) throws(StoreOpenError) -> [EventLife] {
        try read { rows in try rows.events(prefix, limit: limit) }
    }

    /// The deliveries that wait, in the order in which their events came; at most `limit`.
    /// - Parameter destination: whose; nil for all.
    package func waiting(for destination: String?, limit: Int) throws(StoreOpenError) -> [WaitingDelivery] {
        try read { rows in try rows.waiting(for: destination, limit: limit) }
    }

    /// How many deliveries wait for each destination.
    package func pending() throws(StoreOpenError) -> [String: Int] {
        try read { rows in try StoreExamination.pending(rows.database) }
    }

    private func read<Value>(_ body: (QueueRows) throws -> Value) throws(StoreOpenError) -> Value {
        do {
            return try queue.read { database in
                let version = try Int.fetchOne(database, sql: "PRAGMA user_version") ?? 0
                if version > Schema.version { throw StoreOpenError.newer(version) }
                return try body(QueueRows(database))
            }
        } catch {
            throw StoreOpening.openError(error, path)
        }
    }
}

/// The rows of one moment.
private struct QueueRows {
    let database: Database
    private let sources: NameTable<String>
    private let destinations: NameTable<String>
    private let routeLists: NameTable<[String]>
    private let lanes: [Int64: LaneRecord]
    private let attempts: AttemptRows

    init(_ database: Database) throws {
        self.database = database
        sources = try NameTable(table: "sources", database)
        destinations = try NameTable(table: "destinations", database)
        routeLists = try NameTable(table: "route_lists", database)
        // A relay of the first format has none.
        lanes = try database.tableExists("lanes") ? LaneRows.read(database) : [:]
        attempts = try AttemptRows(database)
    }

    func events(_ prefix: EventIDPrefix, limit: Int) throws -> [EventLife] {
        let columns = [
            "high", "low", "source", "contents", "body", "received", "kind", "routes", "original_high", "original_low",
            "reason",
        ]
        guard let positions = EventColumns(columns) else { return [] }
        let scan = try PreparedStatement(
            database,
            "SELECT id, \(columns.joined(separator: ", ")) FROM events WHERE high BETWEEN ? AND ? ORDER BY id")
        scan.bind(1, Int64(bitPattern: prefix.highs.lowerBound))
        scan.bind(2, Int64(bitPattern: prefix.highs.upperBound))
        defer { scan.reset() }
        var found: [EventLife] = []
        while found.count < limit, try scan.step() {
            let id = positions.id(scan)
            guard prefix.fits(id) else { continue }
            let original = scan.optionalInteger(9).map {
                EventID(high: UInt64(bitPattern: $0), low: UInt64(bitPattern: scan.integer(10)))
            }
            found.append(
                EventLife(
                    id: id, source: sources.name(of: scan.integer(3)) ?? "",
                    receivedAt: Timestamp(milliseconds: scan.integer(6)),
                    kind: (EventKind(rawValue: scan.integer(7)) ?? .matched).life, reason: scan.text(11),
                    routes: routeLists.name(of: scan.integer(8)) ?? [], originalID: original,
                    bytes: scan.bytes(5).count, isIntact: positions.fits(scan, sources),
                    deliveries: try deliveries(of: scan.integer(0))))
        }
        return found
    }

    private func deliveries(of event: Int64) throws -> [DeliveryLife] {
        let scan = try PreparedStatement(
            database, "SELECT id, state, attempts, due, replay FROM deliveries WHERE id BETWEEN ? AND ? ORDER BY id")
        let keys = Schema.keys(ofEvent: event)
        scan.bind(1, keys.lowerBound)
        scan.bind(2, keys.upperBound)
        defer { scan.reset() }
        var found: [DeliveryLife] = []
        while try scan.step() {
            found.append(delivery(scan, try attempts.attempts(of: scan.integer(0))))
        }
        return found
    }

    func waiting(for name: String?, limit: Int) throws -> [WaitingDelivery] {
        let number = name.map { destinations.number(of: $0) ?? 0 }
        let condition = number == nil ? "" : " AND d.id & \(Schema.destinationMask) = ?"
        let scan = try PreparedStatement(
            database,
            """
            SELECT d.id, d.state, d.attempts, d.due, d.replay, e.high, e.low, e.received
            FROM deliveries d JOIN events e ON e.id = d.id >> \(Schema.destinationBits)
            WHERE d.state < 2\(condition) ORDER BY d.id LIMIT \(limit)
            """)
        if let number { scan.bind(1, number) }
        defer { scan.reset() }
        var found: [WaitingDelivery] = []
        while try scan.step() {
            let id = EventID(high: UInt64(bitPattern: scan.integer(5)), low: UInt64(bitPattern: scan.integer(6)))
            found.append(
                WaitingDelivery(
                    id: id, receivedAt: Timestamp(milliseconds: scan.integer(7)), delivery: delivery(scan, [])))
        }
        return found
    }

    /// - Parameter row: id, state, attempts, due, replay.
    private func delivery(_ row: PreparedStatement, _ attempts: [AttemptRecord]) -> DeliveryLife {
        let number = row.integer(0) & Schema.destinationMask
        let state = (DeliveryState(rawValue: row.integer(1)) ?? .fresh).life
        return DeliveryLife(
            destination: destinations.name(of: number) ?? "number \(number)", state: state,
            isReplay: row.integer(4) == 1, charged: Int(row.integer(2)),
            dueAt: state == .deferred ? row.optionalInteger(3).map(Timestamp.init(milliseconds:)) : nil,
            lane: lanes[number], attempts: attempts)
    }
}

extension EventKind {
    fileprivate var life: EventLife.Kind {
        switch self {
        case .matched: .matched
        case .unmatched: .unmatched
        case .quarantined: .quarantined
        case .redriven: .redriven
        }
    }
}

extension DeliveryState {
    fileprivate var life: DeliveryLife.State {
        switch self {
        case .fresh: .fresh
        case .deferred: .deferred
        case .delivered: .delivered
        case .dead: .dead
        case .discarded: .discarded
        }
    }
}
