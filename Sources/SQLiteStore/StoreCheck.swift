internal import Dispatch
internal import GRDB
internal import Relay
internal import Synchronization

/// Reads the whole database, through a connection of its own, and says what is wrong with it: its structure
/// (`quick_check`), and whether the books say what the rows say.
///
/// What is not looked at are the events' bytes: they are held against their digest before each sending.
final class StoreCheck: Sendable {
    enum Verdict: Equatable {
        case sound
        /// One line for a person.
        case damaged(String)
        /// Stopped, or it could not be read for another reason than its contents.
        case unknown(String)
    }

    private let connection: DatabaseQueue
    private let isStopped = Mutex(false)
    private let work = DispatchGroup()

    init(path: String) throws {
        var configuration = Configuration()
        configuration.readonly = true
        connection = try DatabaseQueue(path: path, configuration: configuration)
    }

    /// Runs on a thread of its own and calls back there.
    func start(_ completion: @escaping @Sendable (Verdict) -> Void) {
        DispatchQueue.global(qos: .utility).async(group: work) {
            let verdict = self.verdict()
            try? self.connection.close()
            completion(verdict)
        }
    }

    /// Ends it and waits until it has ended, two seconds at most.
    func stop() {
        isStopped.withLock { $0 = true }
        for _ in 0..<100 {
            // A statement that begins only now does not feel an interruption before: once more.
            connection.interrupt()
            if work.wait(timeout: .now() + .milliseconds(20)) == .success { return }
        }
    }

    private func verdict() -> Verdict {
        do {
            return try connection.read { database in
                for look in [StoreCheck.structure, StoreCheck.books] {
                    if isStopped.withLock({ $0 }) { return .unknown("stopped") }
                    if let finding = try look(database) { return .damaged(finding) }
                }
                return .sound
            }
        } catch {
            let failure = SQLiteFailure(error)
            return failure.isOfDamage ? .damaged(failure.message) : .unknown(failure.message)
        }
    }

    /// What SQLite finds in the pages; nil where nothing.
    static func structure(_ database: Database) throws -> String? {
        let findings = try String.fetchAll(database, sql: "PRAGMA quick_check(3)")
        return findings == ["ok"] ? nil : findings.joined(separator: "; ")
    }

    /// Where the tables are not those of the format that the header names; nil where nowhere. Tables and indexes of
    /// others are left alone.
    static func tables(_ database: Database, version: Int) throws -> String? {
        let own = try Set(Schema.objects(of: Schema.version))
        let expected = try (0...Schema.version).contains(version) ? Schema.objects(of: version) : nil
        let found = try Schema.objects(database).filter { own.contains($0) }
        return found == expected ? nil : "its tables are not those of format \(version), which its header names"
    }

    /// Where rows and totals differ; nil where nowhere.
    static func books(_ database: Database) throws -> String? {
        let totals = try Totals(database)
        let sql = """
            SELECT ifnull(sum(state < 2), 0), ifnull(sum(state = 2), 0), ifnull(sum(state = 3), 0),
            ifnull(sum(state = 4), 0), count(*) FROM deliveries
            """
        guard let row = try Row.fetchOne(database, sql: sql) else { return nil }
        let found: [Int] = (0..<4).map { row[$0] }
        let wanted = [
            totals.counts.pending, totals.counts.delivered - totals.prunedDelivered,
            totals.counts.dead - totals.prunedDead, totals.counts.discarded - totals.prunedDiscarded,
        ]
        for (name, (found, wanted)) in zip(["pending", "delivered", "dead", "discarded"], zip(found, wanted))
        where found != wanted {
            return "\(found) deliveries are \(name), \(wanted) should be"
        }
        guard found.reduce(0, +) == row[4] as Int else { return "a delivery has an unknown state" }
        let orphans =
            try Int.fetchOne(
                database,
                sql: """
                    SELECT count(*) FROM deliveries d
                    WHERE NOT EXISTS (SELECT 1 FROM events e WHERE e.id = d.id >> \(Schema.destinationBits))
                    """) ?? 0
        return orphans == 0 ? nil : "the event of \(orphans) deliveries is missing"
    }
}
