import Relay
import Testing

extension StoreConformance {
    static func retrySaysItsStart(_ test: StoreUnderTest) async throws {
        _ = try await test.store.accepted(makeOffer("x", to: ["crm"], at: 5))
        let key = try #require(try await test.nextFresh().first).key
        for (given, expected) in [(nil, 5), (70, 70), (nil, 70)] as [(Int64?, Int64)] {
            let settlement = Settlement(
                delivery: key, verdict: .retry(at: Timestamp(milliseconds: 9), charged: true),
                attempt: makeAttempt(1, status: 503), startedAt: given.map(Timestamp.init(milliseconds:)))
            try await awaiting { test.store.settle(settlement, completion: $0) }
            let lease = try await test.store.leased("crm", 1, now: 9)
            #expect(lease.deliveries.map(\.startedAt) == [Timestamp(milliseconds: expected)])
        }
    }

    static func newBesideABacklog(_ test: StoreUnderTest) async throws {
        func accept(_ body: String) async throws -> [Delivery] {
            _ = try await test.store.accepted(makeOffer(body, to: ["crm"], at: 0))
            return try await test.nextFresh()
        }
        // The lane refuses the first two, and more are left in the table until it asks for some.
        test.store.release(try await (accept("0") + accept("1")).map(\.key))
        #expect(try await accept("2").isEmpty)
        let lease = try await test.store.leased("crm", 1, now: 0)
        #expect(lease.deliveries.map(\.bodyText) == ["0"] && lease.hasMore)
        let new = try await accept("3")
        #expect(new.map(\.bodyText) == ["3"], "handed over although two wait in the table")
        // It comes back, and is found behind those that came before it.
        test.store.release(new.map(\.key))
        #expect(try await accept("4").isEmpty)
        let rest = try await test.store.leased("crm", 9, now: 0)
        #expect(rest.deliveries.map(\.bodyText) == ["1", "2", "3", "4"] && !rest.hasMore)
        #expect(try await accept("5").map(\.bodyText) == ["5"])
    }

    static func arrivalOrder(_ test: StoreUnderTest) async throws {
        for number in 0..<5 { _ = try await test.store.accepted(makeOffer("\(number)", to: ["crm", "chat"], at: 0)) }
        let fresh = try await test.nextFresh().filter { $0.destination == "crm" }
        func lease(_ limit: Int, now: Int64) async throws -> Lease {
            try await test.store.leased("crm", limit, inOrder: true, now: now)
        }
        try await test.store.settled(
            fresh[1].key, .retry(at: Timestamp(milliseconds: 500), charged: true), makeAttempt(1, status: 503))
        test.store.release([fresh[0].key])
        let first = try await lease(10, now: 499)
        #expect(first.deliveries.map(\.bodyText) == ["0"])
        #expect(!first.hasMore && first.nextDue == Timestamp(milliseconds: 500))
        try await test.store.settled(fresh[0].key, .delivered, makeAttempt(1, status: 200, .delivered))
        let early = try await lease(10, now: 499)
        #expect(early.deliveries.isEmpty && !early.hasMore && early.nextDue == Timestamp(milliseconds: 500))
        test.store.release([fresh[2].key])
        _ = try await test.store.accepted(makeOffer("5", to: ["crm"], at: 0))
        // 3 and 4 are still on their way to the lane, or being settled: nobody says when that has ended.
        let due = try await lease(10, now: 500)
        let look = Timestamp(milliseconds: 1500)
        #expect(due.deliveries.map(\.bodyText) == ["1", "2"] && !due.hasMore && due.nextDue == look)
        let none = try await lease(10, now: 500)
        #expect(none.deliveries.isEmpty && none.nextDue == look)
        test.store.release(fresh[3...].map(\.key))
        test.store.release(due.deliveries.map(\.key))
        let two = try await lease(2, now: 500)
        #expect(two.deliveries.map(\.bodyText) == ["1", "2"] && two.hasMore)
        test.store.release(two.deliveries.map(\.key))
        #expect(try await lease(10, now: 500).deliveries.map(\.bodyText) == ["1", "2", "3", "4", "5"])
    }

    /// Some deferred, some never tried, in any mixture: a restart brings them in order of arrival.
    static func arrivalOrderSurvives(_ test: StoreUnderTest) async throws {
        for number in 0..<20 { _ = try await test.store.accepted(makeOffer("\(number)", to: ["crm"], at: 0)) }
        for (number, delivery) in try await test.nextFresh().enumerated() where number % 3 == 1 {
            let due = Timestamp(milliseconds: Int64(100 - number))
            try await test.store.settled(delivery.key, .retry(at: due, charged: true), makeAttempt(1, status: 503))
        }
        let reopened = try test.reopen()
        _ = try await reopened.store.accepted(makeOffer("20", to: ["crm"], at: 0))
        #expect(try await reopened.nextFresh().isEmpty)
        var bodies: [String] = []
        var hasMore = true
        while hasMore {
            let lease = try await reopened.store.leased("crm", 6, inOrder: true, now: 100)
            bodies += lease.deliveries.map(\.bodyText)
            hasMore = lease.hasMore
            for delivery in lease.deliveries {
                try await reopened.store.settled(
                    delivery.key, .delivered, makeAttempt(1, status: 200, .delivered))
            }
        }
        #expect(bodies == (0..<21).map(String.init))
    }
}
