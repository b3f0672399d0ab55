/// Sends stored events again, one page at a time: each is one read and one transaction, so that new events come in
/// between, and what a replay needs of memory is a page.
package struct Replayer: Sendable {
    private let store: any Store
    private let now: @Sendable () -> Timestamp
    /// Makes a destination's lane look into the store.
    private let wake: @Sendable (String) async -> Void

    package init(
        store: any Store, now: @escaping @Sendable () -> Timestamp, wake: @escaping @Sendable (String) async -> Void
    ) {
        self.store = store
        self.now = now
        self.wake = wake
    }

    /// Does one page by the rules of this configuration, or only says what it would do.
    /// - Throws: why nothing of the page was sent.
    package func page(
        _ request: ReplayRequest, by configuration: Configuration
    ) async throws(ReplayFault) -> ReplayPage {
        let rules = try ReplayRules(request, configuration)
        let found = try await read(request)
        let (planned, last) = Replayer.planned(found.events, rules)
        // What one transaction does not take is for the next page.
        let next = last.map { found.positions[$0] } ?? found.next
        let events = request.isDryRun ? planned : try await send(planned)
        return ReplayPage(events: events, next: next, through: found.through, damaged: found.damaged)
    }

    /// As many of the events as fit into one transaction; `last` is the index of the last one where not all do.
    private static func planned(
        _ events: [StoredEvent], _ rules: ReplayRules
    ) -> (planned: [ReplayedEvent], last: Int?) {
        var planned: [ReplayedEvent] = []
        var deliveries = 0
        for (index, event) in events.enumerated() {
            guard let plan = rules.plan(event) else { continue }
            deliveries += plan.destinations.count
            if deliveries > Replay.limit, index > 0 { return (planned, index - 1) }
            planned.append(plan)
        }
        return (planned, nil)
    }

    private func send(_ planned: [ReplayedEvent]) async throws(ReplayFault) -> [ReplayedEvent] {
        let entries = planned.flatMap(\.entries)
        guard !entries.isEmpty else { return planned }
        let outcomes = try await asking { store.replay(Replay(entries: entries, at: now()), completion: $0) }
        for name in Set(entries.map(\.destination)).sorted() { await wake(name) }
        var rest = outcomes[...]
        return planned.map { event in
            defer { rest = rest.dropFirst(event.destinations.count) }
            return event.settled(rest)
        }
    }

    // MARK: - Reading

    /// A page of events, each with the position after which the next page would go on.
    private struct Found {
        let events: [StoredEvent]
        let positions: [Int64]
        let next: Int64?
        let through: Int64
        let damaged: Int
    }

    private func read(_ request: ReplayRequest) async throws(ReplayFault) -> Found {
        switch request.selection {
        case .ids(let ids): return try await read(ids, from: Int(clamping: request.after ?? 0))
        case .received(let since, let until):
            var after = request.after ?? 0
            if request.after == nil, let event = request.afterEvent { after = try await number(of: event) }
            let query = EventQuery.received(since: since, until: until, after: after, through: request.through)
            let page = try await asking { store.events(query, completion: $0) }
            return Found(
                events: page.events, positions: page.events.map(\.number), next: page.next, through: page.through,
                damaged: page.damaged)
        }
    }

    /// The position within a list of ids is how many of them are done.
    private func read(_ ids: [EventID], from start: Int) async throws(ReplayFault) -> Found {
        let asked = Array(ids.dropFirst(max(0, start)).prefix(Replay.limit))
        let page = try await asking { store.events(.ids(asked), completion: $0) }
        let looked = Int(clamping: page.next ?? Int64(asked.count))
        let found = Set(page.events.map(\.event.id) + page.damagedIDs)
        let unknown = asked.prefix(looked).filter { !found.contains($0) }
        guard unknown.isEmpty, page.damagedIDs.isEmpty else {
            throw .unusableEvents(unknown: unknown, damaged: page.damagedIDs)
        }
        let done = max(0, start) + looked
        return Found(
            events: page.events, positions: page.events.indices.map { Int64(max(0, start) + $0 + 1) },
            next: done < ids.count ? Int64(done) : nil, through: page.through, damaged: 0)
    }

    private func number(of event: EventID) async throws(ReplayFault) -> Int64 {
        let page = try await asking { store.events(.ids([event]), completion: $0) }
        guard let stored = page.events.first else {
            throw .unusableEvents(unknown: page.damagedIDs.isEmpty ? [event] : [], damaged: page.damagedIDs)
        }
        return stored.number
    }

    private func asking<Value: Sendable>(
        _ start: (@escaping @Sendable (Result<Value, StoreError>) -> Void) -> Void
    ) async throws(ReplayFault) -> Value {
        do { return try await awaiting(start) } catch {
            throw .store(error as? StoreError ?? StoreError(.failed, "\(error)"))
        }
    }
}
