import Dispatcher
import Relay
import Testing

/// Held, down, paused and orphaned destinations, with their store.
@Suite struct StopsTests {
    private static let broken = StoreError(.full, "disk full")
    private static let hour = 3600.0

    private func hold(_ bed: TestBed) throws {
        while !bed.sender.open.isEmpty { try bed.answer(401) }
        #expect(bed.reports.map(\.state) == ["held"])
    }

    private func goDown(_ bed: TestBed) throws {
        for _ in 0..<5 { try bed.fail(.connect) }
    }

    // MARK: The clock

    @Test func aClockThatIsSetBackDelaysNeitherALaneAtRestNorWhatWasDeferred() throws {
        let bed = TestBed()
        bed.take(1..<3)
        try bed.answer(503)
        try bed.answer(429, retryAfter: "30")
        bed.advance(seconds: -Self.hour)
        bed.take(3..<4)
        bed.advance(seconds: 29)
        #expect(bed.sender.open.isEmpty)
        bed.advance(seconds: 1)
        while !bed.sender.open.isEmpty { try bed.answer(200) }
        #expect(bed.store.count(.delivered) == 3)
        bed.expectNothingLost()
    }

    @Test func aClockThatIsSetBackDelaysNoProbe() throws {
        let bed = TestBed()
        bed.take(1..<6)
        try hold(bed)
        bed.advance(seconds: -Self.hour)
        bed.advance(seconds: 600)
        #expect(bed.sender.open.count == 1)
        let down = TestBed()
        down.take(1..<6)
        try goDown(down)
        down.advance(seconds: -Self.hour)
        #expect(down.sender.open.isEmpty)
        down.advance(seconds: 5)
        #expect(down.sender.open.count == 1)
    }

    // MARK: Held

    @Test func holdSurvivesARestartAndANewAddressAtTheStartLiftsIt() throws {
        let bed = TestBed()
        bed.take(1..<6)
        try hold(bed)
        bed.advance(seconds: 20)
        let restarted = bed.restarted()
        restarted.advance(seconds: 200)
        #expect(restarted.sender.open.isEmpty)
        let moved = restarted.restarted([TestBed.destination(url: "https://crm.example.com/b")])
        moved.advance()
        while !moved.sender.open.isEmpty { try moved.answer(200) }
        #expect(moved.store.count(.delivered) == 5)
        #expect(moved.store.records["crm"]?.hold == nil)
    }

    @Test func timeInWhichADestinationIsHeldIsNotCharged() throws {
        let schedule = RetrySchedule(waitsMilliseconds: [60_000, 60_000, 60_000], budgetMilliseconds: 600_000)
        let bed = TestBed([TestBed.destination(retry: schedule)])
        bed.take(1..<3)
        try hold(bed)
        bed.advance(seconds: 10 * Self.hour)
        #expect(bed.sender.open.count == 1)
        try bed.answer(200)
        bed.advance()
        try bed.answer(503)
        #expect(bed.store.count(.dead) == 0, "ten hours are more than its budget, but none of it was its own")
        bed.advance(seconds: 60)
        bed.advance(seconds: 540)
        try bed.answer(503)
        #expect(bed.store.count(.dead) == 1, "its own ten minutes are over")
    }

    @Test func refusedRecordIsWrittenLater() throws {
        let bed = TestBed()
        bed.take(1..<6)
        bed.store.failSettles(Self.broken)
        while !bed.sender.open.isEmpty { try bed.answer(401) }
        #expect(bed.store.records["crm"] == nil)
        bed.store.failSettles(nil)
        bed.advance(seconds: 1)
        #expect(bed.store.records["crm"]?.hold?.reason.code == "status_401")
    }

    // MARK: Down

    @Test func downDestinationIsTriedOneByOneAndBurnsNoAttempts() throws {
        let bed = TestBed()
        bed.take(1..<100)
        try goDown(bed)
        while !bed.sender.open.isEmpty { try bed.fail(.connect) }
        let tried = bed.sender.total
        var probes = 0
        for _ in 0..<(24 * 60) {
            bed.advance(seconds: 60)
            #expect(bed.sender.open.count <= 1)
            while !bed.sender.open.isEmpty {
                try bed.fail(.connect)
                probes += 1
            }
        }
        #expect(probes > 200 && probes <= 300, "at most one in five minutes: \(probes)")
        #expect(bed.store.count(.dead) == 0)
        #expect(bed.sender.total == tried + probes)
        bed.advance(seconds: 300)
        for _ in 0..<2000 where bed.store.count(.delivered) < 99 {
            while !bed.sender.open.isEmpty { try bed.answer(200) }
            bed.advance(seconds: 0.1)
        }
        #expect(bed.store.count(.delivered) == 99, "all follow at once, whatever their schedules say")
        #expect(bed.sender.peak("crm") == 2)
        bed.expectNothingLost()
    }

    /// Its own schedule would let the head of the line be tried again only after hours.
    @Test func orderedDestinationThatWasDownGoesOnWithinFiveMinutes() throws {
        let bed = TestBed([TestBed.destination(isOrdered: true)])
        bed.take(1..<10)
        for _ in 0..<(5 * 60) {
            bed.advance(seconds: 60)
            while !bed.sender.open.isEmpty { try bed.fail(.connect) }
        }
        let attempts = try #require(bed.store.row(1)).delivery.attempts
        #expect(attempts <= 5, "by its own schedule: \(attempts)")
        bed.advance(seconds: 300)
        var keys: [Int64] = []
        while let call = bed.sender.open.first {
            keys.append(call.key)
            try bed.answer(200)
        }
        #expect(keys == Array(1..<10))
        bed.expectNothingLost()
    }

    // MARK: Changed

    /// Its own time would be minutes later.
    @Test(arguments: [false, true], [false, true])
    func whatWasDeferredIsDueForAnotherDestination(isRestart: Bool, isOther: Bool) throws {
        let bed = TestBed()
        bed.take(1..<4)
        for wait in [0.0, 5] {
            while !bed.sender.open.isEmpty { try bed.answer(418) }
            bed.advance(seconds: wait)
        }
        while !bed.sender.open.isEmpty { try bed.answer(418) }
        let destination = TestBed.destination(url: "https://crm.example.com/" + (isOther ? "b" : "a"))
        let after = isRestart ? bed.restarted([destination]) : bed
        if !isRestart { bed.use([destination]) }
        after.advance(seconds: 1)
        #expect(after.sender.open.isEmpty != isOther)
    }

    // MARK: Paused

    /// Each would otherwise use up an attempt of all that waits.
    @Test func resumeOfAnOpenDestinationHastensNothing() throws {
        let bed = TestBed()
        bed.take(1..<2)
        try bed.answer(418)
        for _ in 0..<8 {
            #expect(bed.order(.resume)?.state == "open")
            bed.advance(seconds: 0.1)
            #expect(bed.sender.open.isEmpty)
        }
        bed.advance(seconds: 5)
        #expect(bed.sender.open.count == 1)
    }

    @Test func pauseIsWrittenDownAndNothingIsSentUntilResume() throws {
        let bed = TestBed()
        #expect(bed.order(.pause)?.state == "paused")
        #expect(bed.store.records["crm"]?.pausedAt == bed.now)
        bed.take(1..<4)
        bed.advance(seconds: 100 * Self.hour)
        #expect(bed.sender.total == 0)
        let restarted = bed.restarted()
        restarted.advance(seconds: Self.hour)
        #expect(restarted.sender.total == 0)
        #expect(restarted.order(.resume)?.state == "open")
        #expect(restarted.sender.open.count == 1)
        try restarted.answer(503)
        #expect(restarted.store.count(.dead) == 0, "the pause is not charged")
    }

    @Test func unknownNamesTakeNoOrders() {
        let bed = TestBed()
        for order in LaneOrder.allCases { #expect(bed.order(order, "nobody") == nil) }
    }

    // MARK: Orphaned

    @Test func timeWithoutADestinationIsNotChargedAcrossRestarts() throws {
        let bed = TestBed()
        bed.take(1..<2)
        bed.use([])
        try bed.answer(503)
        #expect(bed.store.records["crm"]?.orphanedAt == bed.now)
        let without = bed.restarted([])
        without.advance(seconds: 100 * Self.hour)
        #expect(without.store.records["crm"]?.orphanedAt == TestBed.start)
        let back = without.restarted()
        #expect(back.store.records["crm"]?.orphanedAt == nil)
        back.advance()
        try back.answer(503)
        #expect(back.store.count(.dead) == 0)
        back.advance(seconds: 300)
        try back.answer(200)
        #expect(back.store.count(.delivered) == 1)
    }

    @Test func nameThatOnlyARedrivenLetterHasIsOrphaned() {
        let bed = TestBed()
        bed.run { $0.wake("nobody") }
        #expect(bed.reports.map(\.destination) == ["crm", "nobody"])
        #expect(bed.store.records["nobody"]?.orphanedAt == bed.now)
    }

    @Test func whatWasDeferredIsDueWhenItsNameReturns() throws {
        let bed = TestBed()
        bed.take(1..<2)
        for wait in [5.0, 300] {
            try bed.answer(503)
            bed.advance(seconds: wait)
        }
        try bed.answer(503)
        bed.use([])
        bed.advance(seconds: 1)
        bed.use([TestBed.destination(url: "https://crm.example.com/b")])
        #expect(bed.sender.open.count == 1, "its own time would be half an hour later")
    }

    @Test func holdOfANameThatVanishesAndReturnsGoesOn() throws {
        let bed = TestBed()
        bed.take(1..<6)
        try hold(bed)
        bed.use([])
        bed.advance(seconds: 60)
        bed.use([TestBed.destination()])
        bed.advance(seconds: 200)
        #expect(bed.sender.open.isEmpty)
        bed.advance(seconds: 40)
        #expect(bed.sender.open.count == 1)
    }

    // MARK: Dropped

    @Test func aDropTakesWhatTheLaneHoldsInMemoryAndNotWhatIsOnItsWay() throws {
        let bed = TestBed()
        bed.take(1..<9)
        #expect(bed.sender.open.count == 2)
        let page = try #require(bed.drop("crm"))
        #expect(page == DropPage(dropped: 6, underWay: 2, next: nil, through: 0))
        while !bed.sender.open.isEmpty { try bed.answer(200) }
        #expect(bed.store.count(.delivered) == 2 && bed.store.count(.discarded) == 6)
        bed.take(9..<10)
        try bed.answer(200)
        bed.expectNothingLost()
    }

    @Test func aDropTakesWhatIsBeingLeasedAsWell() throws {
        let bed = TestBed()
        bed.keep(1..<11)
        bed.store.holdBack()
        bed.run { $0.wake("crm") }
        #expect(bed.store.count(.leased) == 10)
        #expect(bed.drop("crm") == nil, "the lease is under way")
        bed.letGo()
        #expect(bed.store.count(.discarded) == 10 && bed.sender.open.isEmpty)
        bed.expectNothingLost()
    }

    @Test func aDropOfTheHeadLetsTheOthersGoOn() throws {
        let bed = TestBed([TestBed.destination(isOrdered: true)])
        bed.take(1..<4)
        try bed.answer(500)
        bed.advance()
        #expect(bed.sender.open.isEmpty, "the head waits for its retry")
        #expect(bed.drop("crm", TestBed.delivery(1).event.id)?.dropped == 1)
        #expect(bed.sender.open.map(\.key) == [2])
    }
}
