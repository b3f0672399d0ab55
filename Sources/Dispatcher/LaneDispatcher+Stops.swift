package import Relay

/// Held, down, paused and orphaned destinations: what changes is written to the store, and what was deferred becomes
/// due when a destination is there again.
extension LaneDispatcher {
    /// How long a record that the store refused waits before the next try, in milliseconds.
    private static let saveRetryMilliseconds: Int64 = 1000

    /// Writes down what the start has found: destinations that vanished while the relay did not run.
    package func begin() {
        let now = ports.now()
        for (name, record) in orphans where record.orphanedAt == nil { orphan(name, record, now: now) }
        for name in lanes.keys { heed(name, now: now) }
    }

    /// Stops the time of what waits for a name that no destination has any more.
    func orphan(_ name: String, _ record: LaneRecord, now: Timestamp) {
        let orphaned = record.orphaned(now: now)
        orphans[name] = orphaned
        ports.store.note(orphaned, of: name) { [ports] result in
            // Nothing is lost: the next start finds it again.
            if case .failure(let error) = result { ports.notify(.settleFailed(error)) }
        }
    }

    /// Does what follows from a change of a lane's state.
    func heed(_ name: String, now: Timestamp) {
        guard let holder = lanes[name], destinations[name] != nil else { return }
        announce(name, holder)
        if let notBefore = holder.notBefore, notBefore.isAhead(of: now, byAtMost: Self.saveRetryMilliseconds) { return }
        guard let change = holder.lane.stops.takeChange() else { return }
        if let record = change.record { save(record, of: name) }
        if change.isOpened { hasten(name, now: now) }
    }

    private func announce(_ name: String, _ holder: Holder) {
        let state = holder.lane.stops.state
        guard state != holder.announced else { return }
        holder.announced = state
        ports.notify(.changed(destination: name, to: state, holder.lane.stops.reason))
    }

    private func save(_ record: LaneRecord, of name: String) {
        ports.store.note(record, of: name) { self.ifFailed($0, name) }
    }

    private nonisolated func ifFailed(_ result: Result<Void, StoreError>, _ name: String) {
        guard case .failure(let error) = result else { return }
        Task.immediate { await self.notDone(name, error) { $0.notSaved() } }
    }

    private func hasten(_ name: String, now: Timestamp) {
        ports.store.hasten(name, now: now) { result in
            switch result {
            case .success: Task.immediate { await self.wake(name) }
            case .failure(let error): Task.immediate { await self.notDone(name, error) { $0.notHastened() } }
            }
        }
    }

    private func notDone(_ name: String, _ error: StoreError, _ note: @Sendable (inout LaneStops) -> Void) {
        guard let holder = lanes[name], error.kind != .closed else { return }
        ports.notify(.settleFailed(error))
        holder.notBefore = ports.now().advanced(byMilliseconds: Self.saveRetryMilliseconds)
        note(&holder.lane.stops)
    }
}

// MARK: - What the operator asks

extension LaneDispatcher {
    /// All destinations of the routes file, and the names whose deliveries have none, by name.
    package func reports() -> [LaneReport] {
        let now = ports.now()
        let served = destinations.keys.compactMap { name in
            lanes[name].map { LaneReport(name, $0.lane.stops, inFlight: $0.lane.inFlight, now: now) }
        }
        let orphaned = orphans.map { LaneReport($0.key, orphan: $0.value) }
        return (served + orphaned).sorted { $0.destination < $1.destination }
    }

    /// Carries out an operator's order; what has to survive a restart is on disk when the completion is called.
    ///
    /// Answers how the destination is then, or nil where none has this name. After an error the order is in force all
    /// the same, and is written down later.
    package func carryOut(
        _ order: LaneOrder, to name: String,
        completion: @escaping @Sendable (Result<LaneReport?, StoreError>) -> Void
    ) {
        guard let holder = lanes[name], destinations[name] != nil else { return completion(.success(nil)) }
        let now = ports.now()
        holder.lane.stops.carryOut(order, now: now)
        holder.lane.wake()
        announce(name, holder)
        let change = holder.lane.stops.takeChange()
        if change?.isOpened == true { hasten(name, now: now) }
        pump(name)
        let report = LaneReport(name, holder.lane.stops, inFlight: holder.lane.inFlight, now: now)
        guard let record = change?.record else { return completion(.success(report)) }
        ports.store.note(record, of: name) { result in
            self.ifFailed(result, name)
            completion(result.map { report })
        }
    }

    /// A drop, and whom to answer.
    typealias WaitingDrop = (DropRequest, @Sendable (Result<DropPage, StoreError>) -> Void)

    /// Gives up what waits for a destination, also what its lane holds in memory; what is on its way is left alone.
    ///
    /// A lease that is under way comes first: in the store what it brings is held, as if it were on its way.
    package func drop(
        _ drop: DropRequest, completion: @escaping @Sendable (Result<DropPage, StoreError>) -> Void
    ) {
        let name = drop.destination
        guard lanes[name]?.lane.isLeasing == true else { return carryOut(drop, completion) }
        waitingDrops[name, default: []].append((drop, completion))
    }

    /// A lease has come, or failed.
    func carryOutDrops(_ name: String) {
        for (drop, completion) in waitingDrops.removeValue(forKey: name) ?? [] { carryOut(drop, completion) }
    }

    private func carryOut(
        _ drop: DropRequest, _ completion: @escaping @Sendable (Result<DropPage, StoreError>) -> Void
    ) {
        let name = drop.destination
        release(lanes[name]?.lane.drain() ?? [])
        tokens[name].map(giveBackWaiting)
        ports.store.drop(drop, now: ports.now()) { result in
            completion(result)
            Task.immediate { await self.lookAgain(name) }
        }
    }

    /// Makes a lane look into the store at once.
    func lookAgain(_ name: String) {
        lanes[name]?.lane.wake()
        pump(name)
    }
}
