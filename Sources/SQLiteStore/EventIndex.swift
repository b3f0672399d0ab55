internal import GRDB
internal import Relay

/// Finds an event's row by its id or its contents, in memory: an index on disk would have random keys.
///
/// It knows 64 bits of the digest only; who finds a row has to read it. Where two ids share these bits the later row
/// hides the earlier one, which costs at most a second copy of an event that was redriven.
struct EventIndex {
    private var rowsByID: [UInt64: Int64] = [:]
    /// The latest event with the same contents, where its id is not the one of its contents.
    private var latestRepeats: [UInt64: Int64] = [:]
    private var journal: [Change] = []
    /// A number out of a damaged row must not ask for all the memory.
    private static let mostReserved = 16_000_000

    private struct Change {
        let isRepeat: Bool
        let key: UInt64
        let row: Int64?
    }

    /// Reads the events table from its left edge to its right.
    /// - Parameter capacity: about how many there are. Counting them would read the table once more.
    init(_ database: Database, capacity: Int) throws {
        rowsByID.reserveCapacity(max(0, min(capacity, EventIndex.mostReserved)))
        let statement = try PreparedStatement(database, "SELECT id, high, contents FROM events ORDER BY id")
        defer { statement.reset() }
        while try statement.step() {
            rowsByID[UInt64(bitPattern: statement.integer(1))] = statement.integer(0)
            if let contents = statement.optionalInteger(2) {
                latestRepeats[UInt64(bitPattern: contents)] = statement.integer(0)
            }
        }
    }

    /// The row that may hold the event of this id.
    func row(of id: EventID) -> Int64? { rowsByID[id.high] }

    /// The latest row that may hold these contents, named by `EventID(source:body:)`.
    func latestRow(withContents contents: EventID) -> Int64? { latestRepeats[contents.high] ?? rowsByID[contents.high] }

    mutating func add(_ id: EventID, contents: EventID, row: Int64) {
        journal.append(Change(isRepeat: false, key: id.high, row: rowsByID.updateValue(row, forKey: id.high)))
        guard id != contents else { return }
        let previous = latestRepeats.updateValue(row, forKey: contents.high)
        journal.append(Change(isRepeat: true, key: contents.high, row: previous))
    }

    /// Forgets a pruned row, unless a later one has taken its place.
    mutating func remove(high: UInt64, contents: UInt64?, row: Int64) {
        if rowsByID[high] == row { rowsByID[high] = nil }
        if let contents, latestRepeats[contents] == row { latestRepeats[contents] = nil }
    }

    /// The transaction is durable.
    mutating func commit() { journal.removeAll(keepingCapacity: true) }

    /// The transaction did not happen.
    mutating func rollBack() {
        for change in journal.reversed() {
            if change.isRepeat { latestRepeats[change.key] = change.row } else { rowsByID[change.key] = change.row }
        }
        journal.removeAll(keepingCapacity: true)
    }
}
