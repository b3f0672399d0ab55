internal import GRDB
internal import Relay

/// How far one call of `prune` has come.
struct PruneProgress: Sendable {
    /// Events whose rows are gone.
    var pruned = 0
    /// Events that were looked at and stay.
    var kept = 0
}

/// An event that may be old enough to be pruned.
private struct Candidate {
    let row: Int64
    let high: UInt64
    let contents: UInt64?
    let received: Int64
}

/// What is known of the deliveries of one event.
private struct Remains {
    var rows = 0
    var delivered = 0
    var dead = 0
    var discarded = 0
    /// When the last one settled; nil where there is none.
    var settledAt: Int64?
    var isPending = false
}

extension StoreEngine {
    private static let pruneRows = 200
    private static let pruneLooks = 200
    /// A call that has looked at so many events which stay ends; the next one goes on from there.
    private static let pruneKept = 20_000

    /// Prunes one batch of events from where the last one ended; nil where the call is over.
    func pruneBatch(
        now: Timestamp, _ progress: PruneProgress, _ connection: Connection
    ) throws -> PruneProgress? {
        let oldest = now.advanced(byMilliseconds: -limits.retentionMilliseconds).milliseconds
        let candidates = try connection.use { try nextCandidates($1) }
        guard candidates.contains(where: { $0.received <= oldest }) else {
            pruneCursor = 0
            return nil
        }
        var progress = progress
        var gone: [Candidate] = []
        var looked: Int64 = pruneCursor
        try transactKeepingTotals(connection) { statements in
            var rows = 0
            for candidate in candidates where rows < Self.pruneRows {
                looked = candidate.row
                guard let deleted = try prune(candidate, oldest, statements) else {
                    progress.kept += 1
                    continue
                }
                rows += deleted
                gone.append(candidate)
            }
            guard !gone.isEmpty else { return }
            try writeTotals(statements)
            try statements.pruning.vacuum.run()
        }
        pruneCursor = looked
        for event in gone { index.remove(high: event.high, contents: event.contents, row: event.row) }
        progress.pruned += gone.count
        return progress.kept < Self.pruneKept ? progress : nil
    }

    private func nextCandidates(_ statements: Statements) throws -> [Candidate] {
        var found: [Candidate] = []
        let scan = statements.pruning.scanEvents
        scan.bind(1, pruneCursor)
        scan.bind(2, Int64(Self.pruneLooks))
        defer { scan.reset() }
        while try scan.step() {
            found.append(
                Candidate(
                    row: scan.integer(0), high: UInt64(bitPattern: scan.integer(1)),
                    contents: scan.optionalInteger(2).map { UInt64(bitPattern: $0) }, received: scan.integer(3)))
        }
        return found
    }

    /// Deletes the event with its rows and gives their number; nil where it has to stay.
    private func prune(_ event: Candidate, _ oldest: Int64, _ statements: Statements) throws -> Int? {
        guard event.received <= oldest else { return nil }
        let range = Schema.keys(ofEvent: event.row)
        let remains = try remains(range, statements)
        guard !remains.isPending, remains.settledAt ?? event.received <= oldest else { return nil }
        var rows = 1 + remains.rows
        rows += try delete(statements.pruning.deleteAttemptsOf, range)
        _ = try delete(statements.pruning.deleteDeliveriesOf, range)
        statements.pruning.deleteEvent.bind(1, event.row)
        try statements.pruning.deleteEvent.run()
        totals.prunedEvents += 1
        totals.prunedDelivered += remains.delivered
        totals.prunedDead += remains.dead
        totals.prunedDiscarded += remains.discarded
        return rows
    }

    private func delete(_ statement: PreparedStatement, _ range: ClosedRange<Int64>) throws -> Int {
        statement.bind(1, range.lowerBound)
        statement.bind(2, range.upperBound)
        try statement.run()
        return statement.changes
    }

    private func remains(_ range: ClosedRange<Int64>, _ statements: Statements) throws -> Remains {
        var remains = Remains()
        let scan = statements.pruning.scanDeliveriesOf
        scan.bind(1, range.lowerBound)
        scan.bind(2, range.upperBound)
        defer { scan.reset() }
        while try scan.step() {
            remains.rows += 1
            remains.settledAt = max(remains.settledAt ?? .min, scan.integer(1) &+ scan.integer(2))
            switch DeliveryState(rawValue: scan.integer(0)) {
            case .delivered: remains.delivered += 1
            case .dead: remains.dead += 1
            case .discarded: remains.discarded += 1
            case .fresh, .deferred, nil: remains.isPending = true
            }
        }
        return remains
    }
}
