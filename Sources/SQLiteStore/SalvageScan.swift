internal import GRDB

/// Reads a damaged table row by row, from both ends of a range of keys, and goes around what cannot be read by halving
/// what lies between.
struct SalvageScan {
    let ascending: PreparedStatement
    let descending: PreparedStatement
    /// Keys that stand and fall together: 1, or all of one event.
    let unit: Int64
    /// Reads that may fail one after the other before the rest is given up: a table without its root has nothing to
    /// find. One broken page inside the tree hides some ten thousand keys at most.
    let patience: Int
    private var failures = 0
    /// Ranges of keys that could not be read.
    private(set) var gaps = 0

    /// - Parameter columns: what is read, after the key.
    init(_ database: Database, table: String, columns: [String], unit: Int64 = 1, patience: Int = 200_000) throws {
        let list = (["rowid"] + columns).joined(separator: ", ")
        let range = "SELECT \(list) FROM \(table) WHERE rowid BETWEEN ? AND ? ORDER BY rowid"
        ascending = try PreparedStatement(database, range)
        descending = try PreparedStatement(database, range + " DESC")
        self.unit = unit
        self.patience = patience
    }

    /// Calls `body` for each row that can be read, once, with the statement that stands on it.
    mutating func run(from first: Int64, to last: Int64, _ body: (PreparedStatement) throws -> Void) throws {
        var ranges = [(first, last)]
        var isInGap = false
        while let (low, high) = ranges.popLast() {
            guard low <= high else { continue }
            guard failures < patience else {
                gaps += 1
                return
            }
            guard let lower = try read(ascending, low, high, follows: >, body) else {
                isInGap = false
                continue
            }
            let start = lower.map { $0 + 1 } ?? low
            guard let upper = try read(descending, start, high, follows: <, body) else {
                isInGap = false
                continue
            }
            let end = upper.map { $0 - 1 } ?? high
            if upper != nil || lower != nil { isInGap = false }
            // The page beyond the last row was the broken one.
            guard start <= end else { continue }
            if start / unit == end / unit {
                // One gap, however many of its keys are neighbours.
                if !isInGap { gaps += 1 }
                isInGap = true
                continue
            }
            let middle = max(start, (start + (end - start) / 2) / unit * unit + unit - 1)
            ranges.append((min(middle, end - 1) + 1, end))
            ranges.append((start, min(middle, end - 1)))
        }
    }

    /// Nil where the range was read to its end; else the last key that was read, which may be none.
    ///
    /// A broken page can give keys again, or such as were not asked for, without end: that counts as not readable.
    private mutating func read(
        _ statement: PreparedStatement, _ low: Int64, _ high: Int64, follows: (Int64, Int64) -> Bool,
        _ body: (PreparedStatement) throws -> Void
    ) throws -> Int64?? {
        statement.bind(1, low)
        statement.bind(2, high)
        defer { statement.reset() }
        var last: Int64?
        while true {
            do {
                guard try statement.step() else { return nil }
            } catch {
                failures += 1
                return .some(last)
            }
            let key = statement.integer(0)
            guard key >= low, key <= high, last.map({ follows(key, $0) }) ?? true else {
                failures += 1
                return .some(last)
            }
            last = key
            failures = 0
            try body(statement)
        }
    }
}
