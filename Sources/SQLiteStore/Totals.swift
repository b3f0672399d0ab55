internal import GRDB
internal import Relay

/// The row of `totals`: the books, written with every transaction that changes them.
struct Totals: Equatable {
    var counts = StoreCounts()
    /// Of deliveries that have no row any more: it was pruned, or a replay has opened it again.
    var prunedDelivered = 0
    var prunedDead = 0
    var prunedDiscarded = 0
    var prunedEvents = 0
    /// The highest event row that ever was, so that no number is used again after pruning.
    var lastEvent: Int64 = 0

    static let columns = [
        "matched", "unmatched", "quarantined", "duplicates", "routed", "replayed", "delivered", "pending", "dead",
        "discarded", "pruned_delivered", "pruned_dead", "pruned_discarded", "pruned_events", "last_event",
    ]

    /// In the order of `columns`.
    var values: [Int64] {
        let numbers = [
            counts.matched, counts.unmatched, counts.quarantined, counts.duplicates, counts.routed, counts.replayed,
            counts.delivered, counts.pending, counts.dead, counts.discarded, prunedDelivered, prunedDead,
            prunedDiscarded, prunedEvents,
        ]
        return numbers.map(Int64.init) + [lastEvent]
    }

    init() {}

    /// Reads the row.
    init(_ database: Database) throws {
        let statement = try PreparedStatement(
            database, "SELECT " + Totals.columns.joined(separator: ", ") + " FROM totals")
        defer { statement.reset() }
        guard try statement.step() else { return }
        func number(_ column: Int32) -> Int { Int(statement.integer(column)) }
        counts.matched = number(0)
        counts.unmatched = number(1)
        counts.quarantined = number(2)
        counts.duplicates = number(3)
        counts.routed = number(4)
        counts.replayed = number(5)
        counts.delivered = number(6)
        counts.pending = number(7)
        counts.dead = number(8)
        counts.discarded = number(9)
        prunedDelivered = number(10)
        prunedDead = number(11)
        prunedDiscarded = number(12)
        prunedEvents = number(13)
        lastEvent = statement.integer(14)
    }

    /// Takes one dead delivery whose row is gone out of the books of the dead; false where there is none.
    mutating func takePrunedDead() -> Bool {
        guard prunedDead > 0 else { return false }
        prunedDead -= 1
        counts.dead -= 1
        return true
    }
}
