internal import Dispatch
package import Relay
internal import Synchronization

/// The store that is built in: one SQLite database in the state directory, written by one thread.
///
/// What is asked queues up while a transaction is synced, and the next transaction takes all of it: many requests
/// share one sync. Every answer comes on that thread.
package final class EmbeddedStore: Store {
    private let queue = DispatchQueue(label: "store", qos: .userInitiated)
    private let inbox = Inbox()
    private let engine: StoreEngine
    /// What was kept of lanes when the store was opened, by every name that a destination has ever had.
    package let laneRecords: [String: LaneRecord]
    /// The key under which these records know their destinations; it never leaves the state directory.
    package let laneKey: [UInt8]
    /// Holds the lock for as long as the store lives.
    private let directory: StateDirectory
    private let onTrouble: @Sendable (StoreTrouble) -> Void
    private let checking: Mutex<Checking>

    private enum Checking {
        case needless
        case due
        case running(StoreCheck)
    }

    /// Opens the store, or makes it where the directory is new. Blocks while the events' ids are read.
    ///
    /// `onTrouble` is called on a thread of the store's own. Until `handOver` all deliveries wait for `lease`.
    package init(
        _ options: StoreOptions, onTrouble: @escaping @Sendable (StoreTrouble) -> Void
    ) throws(StoreOpenError) {
        directory = try StateDirectory(options.directory)
        self.onTrouble = onTrouble
        let isSound = try StoreOpening(options: options, onTrouble: onTrouble).inspect(directory)
        checking = Mutex(isSound ? .needless : .due)
        do {
            engine = try StoreEngine(
                directory: directory, limits: options.limits, isVerified: isSound, onTrouble: onTrouble)
        } catch {
            throw StoreOpening.openError(error, directory.database)
        }
        laneRecords = engine.namedLanes
        laneKey = engine.laneKey
        engine.onDoubt = { [weak self] in self?.lookAgain() }
    }

    /// From now on deliveries of new events go to `onFresh`, leased, in order, as one batch for each commit; except
    /// those of a destination whose older ones are still to be fetched with `lease`.
    ///
    /// After opening that is every destination that has ever had a delivery. A lease that says `hasMore` false has
    /// ended this for its destination; `release` begins it again. What is not taken has to be released in that order.
    ///
    /// After trouble with the disk the database may hold what nobody was told of: `onRewind` then says that every
    /// destination's older ones are to be fetched again.
    package func handOver(
        to onFresh: @escaping @Sendable ([Delivery]) -> Void, onRewind: @escaping @Sendable () -> Void
    ) {
        queue.async {
            self.engine.onFresh = onFresh
            self.engine.onRewind = onRewind
        }
    }

    /// Looks through the whole database on a thread of its own, where the last stop was not a clean one. Meanwhile
    /// digests guard what is sent. Where damage is found nothing new is taken any more.
    package func checkInBackground() {
        let check: StoreCheck? = checking.withLock { state in
            guard case .due = state, let check = try? StoreCheck(path: directory.database) else { return nil }
            state = .running(check)
            return check
        }
        let begin = StoreEngine.uptime
        check?.start { verdict in
            self.queue.async { self.note(verdict, Int64((StoreEngine.uptime - begin) / 1_000_000)) }
        }
    }

    /// Looks through the database after a while, as long as it counts as damaged: the disk may only have failed once.
    private func lookAgain() {
        queue.asyncAfter(deadline: .now() + .seconds(engine.waitForNextLook())) { [weak self] in
            guard let self, !engine.isClosed, engine.damage != nil else { return }
            checking.withLock { state in
                if case .needless = state { state = .due }
            }
            checkInBackground()
            if case .due = checking.withLock({ $0 }) { lookAgain() }
        }
    }

    private func note(_ verdict: StoreCheck.Verdict, _ milliseconds: Int64) {
        checking.withLock { $0 = .needless }
        switch verdict {
        case .sound:
            engine.noteSound()
            onTrouble(.verified(milliseconds: milliseconds))
        case .damaged(let finding):
            engine.noteDamage(finding)
            lookAgain()
        case .unknown(let reason):
            if engine.isClosed { return }
            onTrouble(.notVerified(reason))
            if engine.damage != nil { lookAgain() }
        }
    }

    /// What is wrong with the database, nil where nothing is known to be.
    package func damage() async -> String? {
        await withCheckedContinuation { continuation in
            queue.async { continuation.resume(returning: self.engine.damage) }
        }
    }

    /// Takes other limits from the next transaction on.
    package func adjust(_ limits: StoreLimits) {
        queue.async { self.engine.adjust(limits) }
    }

    package func accept(_ offer: Offer, completion: @escaping @Sendable (Result<Acceptance, StoreError>) -> Void) {
        // Hashed here, on the caller's thread: the store has only one.
        let hashed = HashedOffer(offer: offer, contents: EventID(source: offer.source, body: offer.body))
        add(.accept(Request(hashed, completion)))
    }

    package func settle(_ settlement: Settlement, completion: @escaping @Sendable (Result<Void, StoreError>) -> Void) {
        add(.settle(Request(settlement, completion)))
    }

    package func redrive(_ redrive: Redrive, completion: @escaping @Sendable (Result<Void, StoreError>) -> Void) {
        add(.redrive(Request(redrive, completion)))
    }

    package func replay(
        _ replay: Replay, completion: @escaping @Sendable (Result<[ReplayOutcome], StoreError>) -> Void
    ) {
        add(.replay(Request(replay, completion)))
    }

    package func events(
        _ query: EventQuery, completion: @escaping @Sendable (Result<EventPage, StoreError>) -> Void
    ) {
        add(.events(query, completion))
    }

    package func discard(
        _ id: EventID, destination: String, completion: @escaping @Sendable (Result<Void, StoreError>) -> Void
    ) {
        add(.discard(Request(Discard(id: id, destination: destination), completion)))
    }

    package func drop(
        _ drop: DropRequest, now: Timestamp,
        completion: @escaping @Sendable (Result<DropPage, StoreError>) -> Void
    ) {
        add(.drop(drop, now: now, completion))
    }

    package func lease(_ request: LeaseRequest, completion: @escaping @Sendable (Result<Lease, StoreError>) -> Void) {
        add(.lease(request, completion))
    }

    package func hasten(
        _ destination: String, now: Timestamp, completion: @escaping @Sendable (Result<Void, StoreError>) -> Void
    ) {
        add(.hasten(destination: destination, now: now, lastAttempt: nil, completion))
    }

    package func note(
        _ record: LaneRecord, of destination: String,
        completion: @escaping @Sendable (Result<Void, StoreError>) -> Void
    ) {
        add(.note(Request(LaneNote(destination: destination, record: record), completion)))
    }

    package func release(_ deliveries: [DeliveryKey]) { add(.release(deliveries)) }

    package func attempts(
        of delivery: DeliveryKey, completion: @escaping @Sendable (Result<[AttemptRecord], StoreError>) -> Void
    ) {
        add(.attempts(delivery, completion))
    }

    package func counts(completion: @escaping @Sendable (Result<StoreCounts, StoreError>) -> Void) {
        add(.counts(completion))
    }

    /// Deletes events whose retention is over, in small transactions between the others, and answers how many.
    package func prune(now: Timestamp, completion: @escaping @Sendable (Result<Int, StoreError>) -> Void) {
        add(.prune(now: now, PruneProgress(), completion))
    }

    /// Commits and answers what was asked before, refuses all else, and closes the database.
    ///
    /// Blocks until that is done; not to be called from a completion.
    package func close() {
        guard inbox.close() else { return }
        if case .running(let check) = checking.withLock({ $0 }) { check.stop() }
        queue.sync {
            engine.perform(inbox.takeAll(now: StoreEngine.uptime))
            for operation in inbox.takeOperations() { finish(operation) }
            engine.close()
        }
        directory.unlock()
    }

    private func finish(_ operation: Operation) {
        var rest: Operation? = operation
        while let next = rest { rest = engine.perform(next) }
    }

    private func add(_ write: Write) {
        switch inbox.add(write) {
        case .now: queue.async { self.engine.perform(self.inbox.takeUrgent(now: StoreEngine.uptime)) }
        case .soon:
            queue.asyncAfter(deadline: .now() + .milliseconds(Inbox.settleDelayMilliseconds)) {
                self.engine.perform(self.inbox.takeAll(now: StoreEngine.uptime))
            }
        case .not: break
        case nil: write.fail(StoreError(.closed, "the store is closed"))
        }
    }

    private func add(_ operation: Operation) {
        guard inbox.add(operation) != nil else {
            operation.fail(StoreError(.closed, "the store is closed"))
            return
        }
        queue.async { self.performOperations() }
    }

    private func performOperations() {
        for operation in inbox.takeOperations() { goOn(operation) }
    }

    private func goOn(_ operation: Operation) {
        guard let rest = engine.perform(operation) else { return }
        queue.async { self.goOn(rest) }
    }
}
