internal import Dispatch
internal import GRDB
internal import GRDBSQLite
internal import Glibc
internal import Relay

/// The store's state and all that touches the database, on one thread.
// SAFETY: every member is used on the serial queue of its `EmbeddedStore` only, after the initialiser.
final class StoreEngine: @unchecked Sendable {
    /// So many writes share one transaction at most, some 0.2 s of work. Splitting them sooner would make all wait for
    /// more syncs, which on a slow disk take seconds.
    private static let batchLimit = 16_384
    private static let reopenDelay: UInt64 = 1_000_000_000

    let path: String
    let stateDirectory: String
    let keeper: Keeper
    let onTrouble: @Sendable (StoreTrouble) -> Void
    var connection: Connection?
    var limits: StoreLimits
    var onFresh: (@Sendable ([Delivery]) -> Void)?
    /// Told when every destination's deliveries have to be fetched by `lease` again.
    var onRewind: (@Sendable () -> Void)?

    var totals: Totals
    var index: EventIndex
    var sources: NameTable<String>
    var destinations: NameTable<String>
    var routeLists: NameTable<[String]>
    /// By the destination's number.
    var lanes: [Int64: LaneRecord]
    let laneKey: [UInt8]
    var book: LeaseBook
    var loadedEvents = LoadedEvents()
    var pruneCursor: Int64 = 0
    var isClosed = false
    /// Whether the structure is known to be sound: closed in order the last time, or checked since.
    private var isVerified: Bool
    /// What is wrong with the database; nothing new is taken while something is.
    private(set) var damage: String?
    private var isDamageReported = false
    /// Called where a statement calls the database damaged, so that it is looked through.
    var onDoubt: (() -> Void)?
    /// How often it was looked through since it was last sound for a while.
    private var looks = 0
    private var soundAt: UInt64 = 0
    /// Sound for so long, a database that is doubted again is looked through as soon as the first time; in nanoseconds.
    private static let soundForAWhile: UInt64 = 60_000_000_000

    private var reopenAfter: UInt64 = 0
    private var hasSpace = true
    /// The database file as it was opened.
    private let database: FileIdentity?
    /// Whether the path still leads to it: what is written to a file that nobody can open again is lost.
    private var isInPlace = true

    init(
        directory: StateDirectory, limits: StoreLimits, isVerified: Bool,
        onTrouble: @escaping @Sendable (StoreTrouble) -> Void
    ) throws {
        self.isVerified = isVerified
        path = directory.database
        stateDirectory = directory.path
        self.limits = limits
        self.onTrouble = onTrouble
        let connection = try Connection(path: path)
        database = StateDirectory.identity(path)
        self.connection = connection
        let memory = try connection.use { database, _ in try Memory(database) }
        totals = memory.totals
        index = memory.index
        sources = memory.sources
        destinations = memory.destinations
        routeLists = memory.routeLists
        lanes = memory.lanes
        laneKey = memory.laneKey
        book = LeaseBook(
            destinations: memory.destinations.allNumbers, lastEvent: memory.totals.lastEvent)
        keeper = try Keeper(
            path: path, mark: directory.mark, highest: memory.totals.lastEvent, onTrouble: onTrouble)
        try keeper.truncate()
    }

    /// Nanoseconds of a clock that never jumps.
    static var uptime: UInt64 { DispatchTime.now().uptimeNanoseconds }

    /// Commits what was asked and answers it.
    func perform(_ writes: [Write]) {
        var rest = writes[...]
        while !rest.isEmpty {
            commit(rest.prefix(Self.batchLimit))
            rest = rest.dropFirst(Self.batchLimit)
        }
    }

    private func commit(_ writes: ArraySlice<Write>) {
        guard let connection = usableConnection() else {
            let error = StoreError(.failed, "the database could not be opened anew")
            for write in writes { write.fail(error) }
            return
        }
        checkSpace()
        var batch = Batch(before: self)
        do {
            try connection.transact { database, statements in
                for write in writes { batch.verdicts.append(try apply(write, &batch, database, statements)) }
                if totals != batch.totals { try writeTotals(statements) }
            }
        } catch {
            undo(batch)
            recover(SQLiteFailure(error), writes)
            return
        }
        index.commit()
        keeper.committed(frames: connection.walFrames, highest: totals.lastEvent)
        conclude(writes, batch)
    }

    private func apply(
        _ write: Write, _ batch: inout Batch, _ database: Database, _ statements: Statements
    ) throws -> Verdict {
        do {
            switch write {
            case .accept(let request):
                return .accepted(try accept(request.payload, &batch, database, statements))
            case .settle(let request): try settle(request.payload, &batch, statements)
            case .redrive(let request): try redrive(request.payload, &batch, database, statements)
            case .replay(let request):
                return .replayed(try replay(request.payload, &batch, database, statements))
            case .discard(let request): try discard(request.payload, statements)
            case .note(let request): try note(request.payload, database, statements)
            }
            return .done
        } catch let refusal as StoreError {
            return .refused(refusal)
        } catch is NameTableFull {
            return .refused(StoreError(.failed, "more than 65535 different destinations"))
        }
    }

    /// Why nothing may be stored or believed, nil where it may.
    var distrust: StoreError? {
        if let damage { return StoreError(.failed, "\(path) is damaged: \(damage)") }
        return isInPlace ? nil : StoreError(.failed, "\(path) was removed or replaced")
    }

    /// Why no event with so many new deliveries may be stored, nil where it may.
    func refusal(of deliveries: Int) -> StoreError? {
        if let distrust { return distrust }
        guard hasSpace else { return StoreError(.full, "less than \(limits.freeSpaceBytes) bytes are free") }
        guard let backlog = limits.backlog, deliveries > 0, totals.counts.pending + deliveries > backlog else {
            return nil
        }
        return StoreError(.backlog, "\(totals.counts.pending) deliveries wait, the limit is \(backlog)")
    }

    func writeTotals(_ statements: Statements) throws {
        for (position, value) in totals.values.enumerated() {
            statements.updateTotals.bind(Int32(position + 1), value)
        }
        try statements.updateTotals.run()
    }

    private func conclude(_ writes: ArraySlice<Write>, _ batch: Batch) {
        for key in batch.ended { book.end(key) }
        for key in batch.leftBehind { book.leaveBehind(key) }
        let fresh = hand(over: batch.fresh)
        for (write, verdict) in zip(writes, batch.verdicts) {
            switch (write, verdict) {
            case (_, .refused(let error)): write.fail(error)
            case (.accept(let request), .accepted(let acceptance)): request.answer(.success(acceptance))
            case (.settle(let request), _): request.answer(.success(()))
            case (.redrive(let request), _): request.answer(.success(()))
            case (.discard(let request), _): request.answer(.success(()))
            case (.note(let request), _): request.answer(.success(()))
            case (.replay(let request), .replayed(let outcomes)): request.answer(.success(outcomes))
            case (.accept, _), (.replay, _): break
            }
        }
        if !fresh.isEmpty { onFresh?(fresh) }
    }

    private func hand(over deliveries: [Delivery]) -> [Delivery] {
        var fresh: [Delivery] = []
        fresh.reserveCapacity(deliveries.count)
        for delivery in deliveries {
            let key = delivery.key.rawValue
            if onFresh == nil || !book[key & Schema.destinationMask].takesFresh {
                book.leaveBehind(key)
            } else {
                book.hold(key, isFresh: true)
                fresh.append(delivery)
            }
        }
        return fresh
    }

    // MARK: When a transaction fails

    /// Puts everything in memory back to before the transaction.
    private func undo(_ batch: Batch) {
        totals = batch.totals
        sources = batch.sources
        destinations = batch.destinations
        routeLists = batch.routeLists
        lanes = batch.lanes
        index.rollBack()
    }

    private func recover(_ failure: SQLiteFailure, _ writes: ArraySlice<Write>) {
        if failure.isOfOneElement && writes.count > 1 {
            let middle = writes.startIndex + writes.count / 2
            commit(writes[..<middle])
            return commit(writes[middle...])
        }
        onTrouble(.writeFailed(failure.storeError.description))
        if failure.isOfDamage { noteDoubt(failure.message) }
        if failure.needsReopening { dropConnection() }
        for write in writes { write.fail(failure.storeError) }
    }

    /// Takes nothing new from now on: what is damaged would lose it. What is readable goes on being delivered.
    func noteDamage(_ finding: String) {
        damage = finding
        if !isDamageReported { onTrouble(.damaged(finding)) }
        isDamageReported = true
    }

    /// Takes nothing new until the database was looked through: SQLite also calls it damaged where the disk could once
    /// not be read (SQLITE_IOERR_CORRUPTFS).
    func noteDoubt(_ finding: String) {
        guard damage == nil else { return }
        damage = finding
        if Self.uptime - soundAt > Self.soundForAWhile { looks = 0 }
        onTrouble(.doubted(finding))
        onDoubt?()
    }

    /// The check has found nothing.
    func noteSound() {
        isVerified = true
        damage = nil
        isDamageReported = false
        soundAt = Self.uptime
    }

    /// In how many seconds to look through the database again: 1, 2, 4 and so on, an hour at most.
    func waitForNextLook() -> Int {
        looks += 1
        return min(3600, 1 << min(looks - 1, 12))
    }

    /// Whether the next start may do without a check.
    var isKnownSound: Bool { isVerified && damage == nil }

    /// A failed sync leaves clean pages behind that are not on disk: nothing is trusted that this connection knows.
    func dropConnection() {
        do { try connection?.close() } catch { onTrouble(.upkeepFailed(SQLiteFailure(error).message)) }
        connection = nil
        reopenAfter = 0
    }

    /// The connection, opened anew and compared with what is in memory where it was dropped.
    func usableConnection() -> Connection? {
        if let connection { return connection }
        guard !isClosed, Self.uptime >= reopenAfter else { return nil }
        do {
            let opened = try Connection(path: path)
            let found = try opened.use { database, _ in try Totals(database) }
            if found != totals { try reload(opened) }
            connection = opened
            onTrouble(.reopened)
            return opened
        } catch {
            reopenAfter = Self.uptime + Self.reopenDelay
            onTrouble(.reopenFailed(SQLiteFailure(error).message))
            return nil
        }
    }

    /// A transaction whose commit failed may have come through after all; P2 of delivery.md allows it.
    private func reload(_ opened: Connection) throws {
        let memory = try opened.use { database, _ in try Memory(database) }
        totals = memory.totals
        index = memory.index
        sources = memory.sources
        destinations = memory.destinations
        routeLists = memory.routeLists
        lanes = memory.lanes
        book.rewind(destinations: memory.destinations.allNumbers, lastEvent: memory.totals.lastEvent)
        onRewind?()
    }

    private func checkSpace() {
        let free = StateDirectory.freeBytes(stateDirectory) ?? 0
        // What a checkpoint still has to move grows the database by as much.
        let floor = limits.freeSpaceBytes
        hasSpace = floor == 0 || (free >= floor && free - floor >= keeper.uncopiedBytes)
        let wasInPlace = isInPlace
        isInPlace = StateDirectory.identity(path) == database
        if wasInPlace && !isInPlace { onTrouble(.writeFailed("\(path) was removed or replaced: restart the relay")) }
    }

    /// New limits hold from the next transaction on.
    func adjust(_ limits: StoreLimits) { self.limits = limits }
}

/// What the engine keeps in memory, read when the database is opened.
struct Memory {
    let totals: Totals
    let index: EventIndex
    let sources: NameTable<String>
    let destinations: NameTable<String>
    let routeLists: NameTable<[String]>
    let lanes: [Int64: LaneRecord]
    let laneKey: [UInt8]

    init(_ database: Database) throws {
        totals = try Totals(database)
        index = try EventIndex(database, capacity: Int(clamping: totals.lastEvent) - totals.prunedEvents)
        sources = try NameTable(table: "sources", database)
        destinations = try NameTable(table: "destinations", limit: Int(Schema.destinationMask), database)
        routeLists = try NameTable(table: "route_lists", database)
        lanes = try LaneRows.read(database)
        laneKey = try LaneRows.key(database)
    }
}

/// What one write of a transaction came to.
enum Verdict {
    case accepted(Acceptance)
    case replayed([ReplayOutcome])
    case done
    case refused(StoreError)
}

/// What a transaction leaves to do after its commit, and what to go back to without it.
struct Batch {
    let totals: Totals
    let sources: NameTable<String>
    let destinations: NameTable<String>
    let routeLists: NameTable<[String]>
    let lanes: [Int64: LaneRecord]
    var verdicts: [Verdict] = []
    /// Deliveries that became due by this transaction.
    var fresh: [Delivery] = []
    /// Fresh ones that their lane has to fetch.
    var leftBehind: [Int64] = []
    /// Keys whose lease is over.
    var ended: [Int64] = []

    init(before engine: StoreEngine) {
        totals = engine.totals
        sources = engine.sources
        destinations = engine.destinations
        routeLists = engine.routeLists
        lanes = engine.lanes
    }
}
