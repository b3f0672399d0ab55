internal import GRDB
internal import Relay

extension StoreEngine {
    /// Every name that a destination has ever had, with what is kept of its lane.
    var namedLanes: [String: LaneRecord] {
        var named: [String: LaneRecord] = [:]
        for number in destinations.allNumbers {
            if let name = destinations.name(of: number) { named[name] = lanes[number] ?? LaneRecord() }
        }
        return named
    }

    /// What the clock of a destination's lane shows, by which its deliveries grow old.
    func laneTime(_ destination: Int64, at now: Timestamp) -> Timestamp {
        lanes.isEmpty ? now : lanes[destination]?.clock.time(at: now) ?? now
    }

    func note(_ note: LaneNote, _ database: Database, _ statements: Statements) throws {
        let destination = try destinations.intern(note.destination, database)
        try LaneRows.write(note.record, destination, statements.replaceLane)
        lanes[destination] = note.record
    }

    /// Makes some deferred deliveries due, but for those that have failed after the given attempt.
    ///
    /// Answers the last attempt that counts for the next batch, at first the last that there is; nil where none of the
    /// deliveries was left.
    func hastenBatch(
        _ name: String, _ now: Timestamp, lastAttempt: Int64?, _ connection: Connection
    ) throws -> Int64? {
        guard let destination = destinations.number(of: name) else { return nil }
        var changes = 0
        var last: Int64 = 0
        try connection.transact { database, statements in
            last = try lastAttempt ?? Int64.fetchOne(database, sql: "SELECT max(id) FROM attempts") ?? 0
            statements.hasten.bind(1, now.milliseconds)
            statements.hasten.bind(2, destination)
            statements.hasten.bind(3, last)
            try statements.hasten.run()
            changes = statements.hasten.changes
        }
        return changes > 0 ? last : nil
    }
}

/// Lane records as rows of `lanes`.
enum LaneRows {
    private static let columns = [
        "destination", "identity", "held", "code", "reason", "advice", "probe", "failed_probes", "rest_until", "paused",
        "orphaned", "stopped", "stopped_at",
    ]

    static let replace =
        "INSERT OR REPLACE INTO lanes (" + columns.joined(separator: ", ") + ") VALUES ("
        + columns.map { _ in "?" }.joined(separator: ", ") + ")"

    static func write(_ record: LaneRecord, _ destination: Int64, _ statement: PreparedStatement) throws {
        let hold = record.hold
        statement.bind(1, destination)
        try statement.bind(2, copyOf: record.identity)
        statement.bind(3, hold?.since.milliseconds)
        try statement.bind(4, text: hold?.reason.code)
        try statement.bind(5, text: hold?.reason.text)
        try statement.bind(6, text: hold?.reason.advice)
        statement.bind(7, hold?.probeAt.milliseconds)
        statement.bind(8, hold.map { Int64($0.failedProbes) })
        statement.bind(9, record.restUntil?.milliseconds)
        statement.bind(10, record.pausedAt?.milliseconds)
        statement.bind(11, record.orphanedAt?.milliseconds)
        statement.bind(12, record.clock.stoppedMilliseconds)
        statement.bind(13, record.clock.stoppedAt?.milliseconds)
        try statement.run()
    }

    static func read(_ database: Database) throws -> [Int64: LaneRecord] {
        let read = try PreparedStatement(database, "SELECT " + columns.joined(separator: ", ") + " FROM lanes")
        defer { read.reset() }
        func time(_ column: Int32) -> Timestamp? {
            read.optionalInteger(column).map(Timestamp.init(milliseconds:))
        }
        var records: [Int64: LaneRecord] = [:]
        while try read.step() {
            var record = LaneRecord()
            record.identity = read.bytes(1)
            if let since = time(2), let probeAt = time(6) {
                let reason = StopReason(
                    code: read.text(3) ?? "", text: read.text(4) ?? "", advice: read.text(5) ?? "")
                record.hold = LaneRecord.Hold(
                    since: since, reason: reason, probeAt: probeAt, failedProbes: Int(read.integer(7)))
            }
            record.restUntil = time(8)
            record.pausedAt = time(9)
            record.orphanedAt = time(10)
            record.clock = LaneClock(stoppedMilliseconds: read.integer(11), stoppedAt: time(12))
            records[read.integer(0)] = record
        }
        return records
    }

    static func key(_ database: Database) throws -> [UInt8] {
        let read = try PreparedStatement(database, "SELECT key FROM lane_key")
        defer { read.reset() }
        return try read.step() ? read.bytes(0) : []
    }
}
