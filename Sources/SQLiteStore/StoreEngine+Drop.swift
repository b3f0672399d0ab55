internal import GRDB
internal import Relay

extension StoreEngine {
    /// Event numbers that one page reaches over.
    private static let dropEvents: Int64 = 8_192

    /// Gives up one page of deliveries.
    func drop(_ drop: DropRequest, now: Timestamp, _ connection: Connection) throws -> DropPage {
        let through = drop.through ?? totals.lastEvent
        let nothing = DropPage(dropped: 0, underWay: 0, next: nil, through: through)
        guard let destination = destinations.number(of: drop.destination),
            let events = try connection.use({ try events(of: drop, through: through, $1) })
        else { return nothing }
        let before = totals
        var underWay = 0
        try transactKeepingTotals(connection) { statements in
            for key in try pending(events, destination, statements) {
                guard !book.holds(key) else {
                    underWay += 1
                    continue
                }
                statements.dropping.discard.bind(1, now.milliseconds)
                statements.dropping.discard.bind(2, key)
                try statements.dropping.discard.run()
                totals.counts.pending -= 1
                totals.counts.discarded += 1
            }
            if totals != before { try writeTotals(statements) }
        }
        keeper.committed(frames: connection.walFrames, highest: totals.lastEvent)
        return DropPage(
            dropped: totals.counts.discarded - before.counts.discarded, underWay: underWay,
            next: drop.event == nil && events.upperBound < through ? events.upperBound : nil, through: through)
    }

    /// The event numbers of the page; nil where there is none.
    private func events(
        of drop: DropRequest, through: Int64, _ statements: Statements
    ) throws -> ClosedRange<Int64>? {
        if let event = drop.event { return try row(of: event, statements).map { $0...$0 } }
        let scan = statements.scanReceived
        scan.bind(1, drop.after)
        scan.bind(2, through)
        scan.bind(3, 1)
        defer { scan.reset() }
        guard try scan.step() else { return nil }
        let first = scan.integer(0)
        return first...min(through, first + Self.dropEvents - 1)
    }

    private func pending(
        _ events: ClosedRange<Int64>, _ destination: Int64, _ statements: Statements
    ) throws -> [Int64] {
        var keys: [Int64] = []
        let scan = statements.dropping.scanPending
        scan.bind(1, Schema.keys(ofEvent: events.lowerBound).lowerBound)
        scan.bind(2, Schema.keys(ofEvent: events.upperBound).upperBound)
        scan.bind(3, destination)
        defer { scan.reset() }
        while try scan.step() { keys.append(scan.integer(0)) }
        return keys
    }
}
