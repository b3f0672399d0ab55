import Relay
import Testing

extension StoreConformance {
    private static func at(_ milliseconds: Int64) -> Timestamp { Timestamp(milliseconds: milliseconds) }

    /// Accepts so many events and defers them until 1000, 1001 and so on.
    private static func deferSome(
        _ count: Int, of destination: String, attemptAt: Int64 = 0, _ test: StoreUnderTest
    ) async throws {
        for number in 0..<count {
            _ = try await test.store.accepted(makeOffer("\(destination) \(number)", to: [destination], at: 0))
        }
        for (number, delivery) in try await test.nextFresh().enumerated() {
            try await test.store.settled(
                delivery.key, .retry(at: at(1000 + Int64(number)), charged: true),
                makeAttempt(1, status: 503, at: attemptAt))
        }
    }

    static func probeBeforeItsTime(_ test: StoreUnderTest) async throws {
        try await deferSome(2, of: "crm", test)
        for inOrder in [false, true] {
            #expect(try await test.store.leased("crm", 1, inOrder: inOrder, now: 5).deliveries.isEmpty)
            let probe = try await test.store.leased("crm", 1, inOrder: inOrder, isForProbe: true, now: 5)
            #expect(probe.deliveries.map(\.dueAt) == [at(1000)] && probe.hasMore)
            test.store.release(probe.deliveries.map(\.key))
            let late = try await test.store.leased("crm", 1, inOrder: inOrder, isForProbe: true, now: 1000)
            #expect(late.deliveries.map(\.dueAt) == [nil])
            test.store.release(late.deliveries.map(\.key))
        }
    }

    static func hasten(_ test: StoreUnderTest) async throws {
        try await deferSome(450, of: "crm", test)
        try await deferSome(3, of: "chat", test)
        try await test.store.hastened("crm", now: 7)
        #expect(try await test.store.leased("crm", 500, now: 6).deliveries.isEmpty)
        let due = try await test.store.leased("crm", 500, now: 7).deliveries
        #expect(due.map(\.bodyText) == (0..<450).map { "crm \($0)" })
        #expect(try await test.store.leased("chat", 500, now: 7).deliveries.isEmpty)
        try await test.store.hastened("nobody", now: 7)
    }

    static func hastenAfterTheClockWasSetBack(_ test: StoreUnderTest) async throws {
        try await deferSome(3, of: "crm", attemptAt: 900, test)
        try await test.store.hastened("crm", now: 7)
        #expect(try await test.store.leased("crm", 5, now: 7).deliveries.count == 3)
    }

    /// The store makes them due in batches while the lane sends: what fails meanwhile must wait for its own time.
    static func hastenWhatFailedBefore(_ test: StoreUnderTest) async throws {
        try await deferSome(450, of: "crm", test)
        try await failOneWhileTheyAreHastened(test.store)
        let due = try await test.store.leased("crm", 500, now: 7)
        #expect(due.deliveries.map(\.bodyText) == (1..<450).map { "crm \($0)" })
        #expect(due.nextDue == at(2000))
    }

    /// Asks for everything on the store's own thread, so that the lease and what follows from it come in between two
    /// batches.
    private static func failOneWhileTheyAreHastened(_ store: any Store) async throws {
        try await awaiting { (completion: @escaping @Sendable (Result<Void, StoreError>) -> Void) in
            store.counts { _ in
                store.hasten("crm", now: at(7), completion: completion)
                let request = LeaseRequest(destination: "crm", limit: 1, isInOrder: false, now: at(7))
                store.lease(request) { result in
                    guard let key = try? result.get().deliveries.first?.key else { return }
                    let settlement = Settlement(
                        delivery: key, verdict: .retry(at: at(2000), charged: true),
                        attempt: makeAttempt(2, status: 503, at: 3), isUrgent: true)
                    store.settle(settlement) { _ in }
                }
            }
        }
    }

    static func laneClock(_ test: StoreUnderTest) async throws {
        func start(_ body: String, at time: Int64) async throws -> Timestamp? {
            _ = try await test.store.accepted(makeOffer(body, to: ["crm"], at: time))
            return try await test.nextFresh().first?.startedAt
        }
        #expect(try await start("before", at: 100) == at(100))
        var record = LaneRecord()
        record.pausedAt = at(200)
        record.clock = LaneClock(stoppedAt: at(200))
        try await test.store.noted(record, of: "crm")
        #expect(try await start("while it stands", at: 700) == at(200))
        record.pausedAt = nil
        record.clock = LaneClock(stoppedMilliseconds: 1000)
        try await test.store.noted(record, of: "crm")
        #expect(try await start("after", at: 1500) == at(500))
        let reopened = try test.reopen()
        let starts = try await reopened.store.leased("crm", 9, now: 2000).deliveries.map(\.startedAt)
        #expect(starts == [at(100), at(200), at(500)])
        _ = try await reopened.store.accepted(makeOffer("reopened", to: ["crm"], at: 3000))
        let last = try await reopened.store.leased("crm", 9, now: 3000).deliveries
        #expect((try await reopened.nextFresh() + last).map(\.startedAt) == [at(2000)])
    }
}
